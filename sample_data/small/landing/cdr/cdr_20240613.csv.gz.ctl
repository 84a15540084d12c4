records: 522
known_at: "2024-06-13T00:00:00+08:00"
totals:
  call_duration: "147373"
  charge: "159.2780"
