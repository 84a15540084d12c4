records: 546
known_at: "2024-06-28T00:00:00+08:00"
totals:
  call_duration: "148178"
  charge: "104.5694"
