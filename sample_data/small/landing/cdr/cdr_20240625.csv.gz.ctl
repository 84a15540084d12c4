records: 502
known_at: "2024-06-25T00:00:00+08:00"
totals:
  call_duration: "107518"
  charge: "114.6679"
