records: 518
known_at: "2024-06-11T00:00:00+08:00"
totals:
  call_duration: "128876"
  charge: "111.5354"
