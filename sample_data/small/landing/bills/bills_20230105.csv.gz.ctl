records: 206
known_at: "2023-01-05T00:00:00+08:00"
totals:
  rental_amount: "8036.00"
  voice_amount: "1230.58"
  long_distance_amount: "896.12"
  roaming_amount: "39.60"
  data_amount: "1039.57"
  messaging_amount: "224.81"
  value_added_amount: "1132.06"
  device_instalment_amount: "2040.48"
  refund_amount: "8.46"
  tax_amount: "755.44"
  amount_due: "13094.41"
