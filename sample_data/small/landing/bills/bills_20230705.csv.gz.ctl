records: 224
known_at: "2023-07-05T00:00:00+08:00"
totals:
  rental_amount: "8751.13"
  voice_amount: "1384.12"
  long_distance_amount: "1006.74"
  roaming_amount: "94.22"
  data_amount: "1115.81"
  messaging_amount: "238.21"
  value_added_amount: "1316.14"
  device_instalment_amount: "2290.23"
  refund_amount: "49.09"
  tax_amount: "831.50"
  amount_due: "14651.09"
