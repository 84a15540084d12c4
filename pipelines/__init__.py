"""The moving parts: everything that touches files, DuckDB, Dagster or the clock."""
