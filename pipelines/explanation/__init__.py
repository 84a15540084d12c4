"""One customer's tier, from the rows of the extracts and the lines of the policy to what callers are served as.

Belongs here: gathering the evidence and adding it up again. Does not: printing it (pipelines/cli/explain.py), or any
rule of its own: each number is looked up, or recomputed to compare.
"""

from pipelines.explanation.customer import Explanation, UnknownCustomerError, explain
from pipelines.explanation.evidence import Evidence
from pipelines.explanation.parts import Part

__all__ = ["Evidence", "Explanation", "Part", "UnknownCustomerError", "explain"]
