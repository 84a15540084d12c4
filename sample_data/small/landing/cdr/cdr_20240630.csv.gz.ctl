records: 490
known_at: "2024-06-30T00:00:00+08:00"
totals:
  call_duration: "117198"
  charge: "147.2021"
