records: 520
known_at: "2024-06-10T00:00:00+08:00"
totals:
  call_duration: "102480"
  charge: "112.1769"
