records: 477
known_at: "2024-06-22T00:00:00+08:00"
totals:
  call_duration: "109186"
  charge: "96.6341"
