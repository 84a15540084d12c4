records: 520
known_at: "2024-06-19T00:00:00+08:00"
totals:
  call_duration: "106941"
  charge: "131.1952"
