"""Fitting churn models on past nights, keeping them, and choosing the one that nights are scored with.
The judgement (fitting, figures, leaks) is segmentation/churn's; here are files, DuckDB and the order of steps."""
