"""Speed and model quality, each against a named baseline in the same run.

Belongs here: measurements. Does not: tests; nothing here asserts a time.
"""
