records: 212
known_at: "2023-04-05T00:00:00+08:00"
totals:
  rental_amount: "8159.11"
  voice_amount: "1267.74"
  long_distance_amount: "1029.33"
  roaming_amount: "94.92"
  data_amount: "1063.52"
  messaging_amount: "221.72"
  value_added_amount: "1217.59"
  device_instalment_amount: "2123.73"
  refund_amount: "51.02"
  tax_amount: "780.20"
  amount_due: "13617.44"
