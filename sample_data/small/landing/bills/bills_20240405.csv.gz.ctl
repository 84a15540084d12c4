records: 232
known_at: "2024-04-05T00:00:00+08:00"
totals:
  rental_amount: "8157.61"
  voice_amount: "1235.36"
  long_distance_amount: "933.90"
  roaming_amount: "60.48"
  data_amount: "1203.16"
  messaging_amount: "231.51"
  value_added_amount: "1112.59"
  device_instalment_amount: "1499.41"
  refund_amount: "0.00"
  tax_amount: "776.07"
  amount_due: "13206.55"
