records: 235
known_at: "2024-05-05T00:00:00+08:00"
totals:
  rental_amount: "8190.00"
  voice_amount: "1283.83"
  long_distance_amount: "895.07"
  roaming_amount: "73.44"
  data_amount: "1168.90"
  messaging_amount: "242.27"
  value_added_amount: "1062.50"
  device_instalment_amount: "1707.57"
  refund_amount: "8.71"
  tax_amount: "774.46"
  amount_due: "13335.46"
