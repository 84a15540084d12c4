records: 472
known_at: "2024-06-02T00:00:00+08:00"
totals:
  call_duration: "116566"
  charge: "126.7026"
