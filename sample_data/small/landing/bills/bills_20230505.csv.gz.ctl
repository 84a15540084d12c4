records: 215
known_at: "2023-05-05T00:00:00+08:00"
totals:
  rental_amount: "8429.03"
  voice_amount: "1281.61"
  long_distance_amount: "917.83"
  roaming_amount: "55.72"
  data_amount: "1090.90"
  messaging_amount: "234.21"
  value_added_amount: "1224.36"
  device_instalment_amount: "1957.07"
  refund_amount: "59.37"
  tax_amount: "790.41"
  amount_due: "13625.07"
