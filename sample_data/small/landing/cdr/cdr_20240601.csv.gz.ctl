records: 474
known_at: "2024-06-01T00:00:00+08:00"
totals:
  call_duration: "133039"
  charge: "171.7847"
