records: 208
known_at: "2023-03-05T00:00:00+08:00"
totals:
  rental_amount: "8118.93"
  voice_amount: "1334.43"
  long_distance_amount: "979.09"
  roaming_amount: "95.48"
  data_amount: "1093.39"
  messaging_amount: "248.68"
  value_added_amount: "1215.67"
  device_instalment_amount: "2040.48"
  refund_amount: "0.00"
  tax_amount: "785.14"
  amount_due: "13608.40"
