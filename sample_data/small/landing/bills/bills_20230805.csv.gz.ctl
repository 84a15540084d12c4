records: 226
known_at: "2023-08-05T00:00:00+08:00"
totals:
  rental_amount: "8036.23"
  voice_amount: "1348.17"
  long_distance_amount: "987.63"
  roaming_amount: "72.98"
  data_amount: "1139.28"
  messaging_amount: "243.81"
  value_added_amount: "1231.57"
  device_instalment_amount: "2332.07"
  refund_amount: "65.94"
  tax_amount: "779.64"
  amount_due: "13942.27"
