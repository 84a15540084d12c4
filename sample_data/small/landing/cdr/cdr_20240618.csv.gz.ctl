records: 527
known_at: "2024-06-18T00:00:00+08:00"
totals:
  call_duration: "133399"
  charge: "104.8168"
