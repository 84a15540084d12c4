records: 529
known_at: "2024-06-03T00:00:00+08:00"
totals:
  call_duration: "141399"
  charge: "134.1551"
