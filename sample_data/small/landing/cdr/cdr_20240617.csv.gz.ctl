records: 527
known_at: "2024-06-17T00:00:00+08:00"
totals:
  call_duration: "145658"
  charge: "155.2882"
