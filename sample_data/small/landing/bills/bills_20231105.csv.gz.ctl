records: 218
known_at: "2023-11-05T00:00:00+08:00"
totals:
  rental_amount: "7899.98"
  voice_amount: "1376.21"
  long_distance_amount: "868.62"
  roaming_amount: "90.51"
  data_amount: "1094.83"
  messaging_amount: "224.97"
  value_added_amount: "1073.98"
  device_instalment_amount: "1874.16"
  refund_amount: "0.00"
  tax_amount: "757.75"
  amount_due: "13292.05"
