records: 470
known_at: "2024-06-15T00:00:00+08:00"
totals:
  call_duration: "137529"
  charge: "137.2742"
