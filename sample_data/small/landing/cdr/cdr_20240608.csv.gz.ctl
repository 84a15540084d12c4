records: 467
known_at: "2024-06-08T00:00:00+08:00"
totals:
  call_duration: "115102"
  charge: "62.2566"
