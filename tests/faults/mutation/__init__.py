"""Extracts damaged on purpose, an independent reading of what is left in them, and the verdict on intake.

Belongs here: what the runner (mutated_extracts.py) and its tests share. Does not: expectations about single reasons.
"""
