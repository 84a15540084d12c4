records: 226
known_at: "2024-03-05T00:00:00+08:00"
totals:
  rental_amount: "8067.46"
  voice_amount: "1261.71"
  long_distance_amount: "894.66"
  roaming_amount: "49.79"
  data_amount: "1231.27"
  messaging_amount: "240.56"
  value_added_amount: "1095.14"
  device_instalment_amount: "1707.66"
  refund_amount: "25.87"
  tax_amount: "768.95"
  amount_due: "13316.31"
