records: 521
known_at: "2024-06-12T00:00:00+08:00"
totals:
  call_duration: "132241"
  charge: "121.8156"
