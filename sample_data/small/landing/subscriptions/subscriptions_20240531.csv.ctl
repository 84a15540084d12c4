records: 513
known_at: "2024-05-31T00:00:00+08:00"
