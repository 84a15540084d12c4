records: 220
known_at: "2023-12-05T00:00:00+08:00"
totals:
  rental_amount: "7895.66"
  voice_amount: "1302.09"
  long_distance_amount: "857.99"
  roaming_amount: "61.36"
  data_amount: "1121.51"
  messaging_amount: "221.12"
  value_added_amount: "1051.75"
  device_instalment_amount: "1790.91"
  refund_amount: "11.26"
  tax_amount: "750.03"
  amount_due: "13151.91"
