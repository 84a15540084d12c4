records: 220
known_at: "2024-01-05T00:00:00+08:00"
totals:
  rental_amount: "8070.61"
  voice_amount: "1194.66"
  long_distance_amount: "774.77"
  roaming_amount: "57.51"
  data_amount: "1101.48"
  messaging_amount: "225.90"
  value_added_amount: "1047.68"
  device_instalment_amount: "1707.66"
  refund_amount: "30.68"
  tax_amount: "746.48"
  amount_due: "13021.68"
