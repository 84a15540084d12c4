records: 522
known_at: "2024-06-20T00:00:00+08:00"
totals:
  call_duration: "137260"
  charge: "147.0299"
