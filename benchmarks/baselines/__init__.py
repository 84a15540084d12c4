"""The same piece of a night's work in bare DuckDB, Polars, pandas and PySpark, each a program of its own.

Belongs here: what somebody competent would write in an hour with one tool. Does not: the product, timing of processes.
"""
