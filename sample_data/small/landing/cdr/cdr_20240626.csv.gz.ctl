records: 537
known_at: "2024-06-26T00:00:00+08:00"
totals:
  call_duration: "124963"
  charge: "264.6447"
