records: 521
known_at: "2024-06-05T00:00:00+08:00"
totals:
  call_duration: "119030"
  charge: "145.9998"
