records: 218
known_at: "2023-06-05T00:00:00+08:00"
totals:
  rental_amount: "8604.53"
  voice_amount: "1300.51"
  long_distance_amount: "977.50"
  roaming_amount: "85.49"
  data_amount: "1027.36"
  messaging_amount: "232.66"
  value_added_amount: "1127.84"
  device_instalment_amount: "2290.23"
  refund_amount: "0.00"
  tax_amount: "801.38"
  amount_due: "14241.20"
