"""A seeded generator of a believable operator's extracts, and the small committed sample made by it.

Belongs here: made-up customers, lines, bills, usage and deliberate faults. Does not: anything that reads extracts.
"""

from sample_data.generate import Summary, generate

__all__ = ["Summary", "generate"]
