records: 524
known_at: "2024-06-21T00:00:00+08:00"
totals:
  call_duration: "150609"
  charge: "108.7142"
