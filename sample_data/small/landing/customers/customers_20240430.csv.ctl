records: 220
known_at: "2024-04-30T00:00:00+08:00"
