"""Retention campaigns: whom to call, kept as it was decided, and what came of it.

Belongs here: reading candidates, keeping worklists, telling results. Does not: who is chosen
(segmentation/worklist.py).
"""

from pipelines.retention.campaigns import CampaignError

__all__ = ["CampaignError"]
