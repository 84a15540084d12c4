records: 470
known_at: "2024-06-16T00:00:00+08:00"
totals:
  call_duration: "133334"
  charge: "164.3929"
