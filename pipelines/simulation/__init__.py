"""Trying a policy before it is adopted: the whole base scored under two policies, compared, shown.

Belongs here: comparing two policies on one night and telling of it. Does not: building a night (pipelines/scratch.py),
what moves a customer (segmentation/migration.py).
"""

from pipelines.simulation.compare import simulate
from pipelines.simulation.nights import both_nights
from pipelines.simulation.result import Cell, LeaverHistory, Side, Simulation

__all__ = ["Cell", "LeaverHistory", "Side", "Simulation", "both_nights", "simulate"]
