records: 479
known_at: "2024-06-23T00:00:00+08:00"
totals:
  call_duration: "121160"
  charge: "179.1937"
