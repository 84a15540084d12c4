records: 520
known_at: "2024-06-14T00:00:00+08:00"
totals:
  call_duration: "129204"
  charge: "164.4759"
