"""The product's judgement on a customer: pure functions over bytes and Polars frames.
No path, no clock, no DuckDB and no Dagster: what touches those belongs in pipelines/."""
