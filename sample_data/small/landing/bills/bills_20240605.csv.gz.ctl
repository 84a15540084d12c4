records: 242
known_at: "2024-06-05T00:00:00+08:00"
totals:
  rental_amount: "8345.78"
  voice_amount: "1295.89"
  long_distance_amount: "996.75"
  roaming_amount: "60.44"
  data_amount: "1130.36"
  messaging_amount: "240.90"
  value_added_amount: "1149.65"
  device_instalment_amount: "1582.66"
  refund_amount: "62.73"
  tax_amount: "789.35"
  amount_due: "13421.62"
