records: 490
known_at: "2024-06-29T00:00:00+08:00"
totals:
  call_duration: "135803"
  charge: "159.1581"
