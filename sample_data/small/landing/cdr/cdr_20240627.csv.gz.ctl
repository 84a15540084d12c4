records: 543
known_at: "2024-06-27T00:00:00+08:00"
totals:
  call_duration: "140498"
  charge: "112.5449"
