records: 519
known_at: "2024-06-07T00:00:00+08:00"
totals:
  call_duration: "129352"
  charge: "91.2677"
