records: 519
known_at: "2024-06-04T00:00:00+08:00"
totals:
  call_duration: "134784"
  charge: "113.1832"
