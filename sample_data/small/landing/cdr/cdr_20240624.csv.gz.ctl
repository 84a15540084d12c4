records: 529
known_at: "2024-06-24T00:00:00+08:00"
totals:
  call_duration: "149062"
  charge: "137.5844"
