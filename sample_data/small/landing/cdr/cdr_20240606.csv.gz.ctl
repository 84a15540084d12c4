records: 523
known_at: "2024-06-06T00:00:00+08:00"
totals:
  call_duration: "114340"
  charge: "168.4582"
