records: 469
known_at: "2024-06-09T00:00:00+08:00"
totals:
  call_duration: "111976"
  charge: "87.0898"
