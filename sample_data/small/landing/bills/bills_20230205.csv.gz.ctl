records: 209
known_at: "2023-02-05T00:00:00+08:00"
totals:
  rental_amount: "8050.98"
  voice_amount: "1329.21"
  long_distance_amount: "1102.87"
  roaming_amount: "68.37"
  data_amount: "1150.26"
  messaging_amount: "233.33"
  value_added_amount: "1231.40"
  device_instalment_amount: "2040.48"
  refund_amount: "0.00"
  tax_amount: "790.02"
  amount_due: "13731.50"
