"""Nights on Apache Spark: the same SQL and the same functions as on one node, over Parquet that executors see.

Belongs here: all that knows Spark; nothing else imports pyspark. Does not: any rule, any text of SQL.
"""
