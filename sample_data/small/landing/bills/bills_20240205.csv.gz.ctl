records: 224
known_at: "2024-02-05T00:00:00+08:00"
totals:
  rental_amount: "8086.29"
  voice_amount: "1163.51"
  long_distance_amount: "799.46"
  roaming_amount: "59.51"
  data_amount: "1180.56"
  messaging_amount: "209.59"
  value_added_amount: "1156.52"
  device_instalment_amount: "1707.66"
  refund_amount: "86.83"
  tax_amount: "754.09"
  amount_due: "13002.80"
