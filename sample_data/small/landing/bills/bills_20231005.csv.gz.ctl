records: 224
known_at: "2023-10-05T00:00:00+08:00"
totals:
  rental_amount: "8011.94"
  voice_amount: "1338.48"
  long_distance_amount: "856.56"
  roaming_amount: "55.47"
  data_amount: "1097.64"
  messaging_amount: "218.70"
  value_added_amount: "998.76"
  device_instalment_amount: "1999.07"
  refund_amount: "71.35"
  tax_amount: "750.40"
  amount_due: "13257.83"
