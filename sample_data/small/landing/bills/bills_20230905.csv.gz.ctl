records: 223
known_at: "2023-09-05T00:00:00+08:00"
totals:
  rental_amount: "8098.33"
  voice_amount: "1384.48"
  long_distance_amount: "1010.94"
  roaming_amount: "87.90"
  data_amount: "1130.16"
  messaging_amount: "239.69"
  value_added_amount: "1142.30"
  device_instalment_amount: "1749.07"
  refund_amount: "0.00"
  tax_amount: "785.75"
  amount_due: "13573.66"
