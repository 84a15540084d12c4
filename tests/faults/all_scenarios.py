"""All scenarios by name.

Belongs here: the list. Does not: any scenario.
"""

from home_scenarios import Analytics, DaysRemoved, Expiration, UsageDay
from mirror_scenarios import FirstMirror, MirrorRecovery, NextMirror
from scenarios import FirstPublication, NextPublication, Recovery, Rollback, RollbackRecovery, Scenario

SCENARIOS: dict[str, type[Scenario]] = {
    "first publication": FirstPublication,
    "publication": NextPublication,
    "recovery": Recovery,
    "rollback": Rollback,
    "rollback recovery": RollbackRecovery,
    "first mirror": FirstMirror,
    "mirror": NextMirror,
    "mirror recovery": MirrorRecovery,
    "usage day": UsageDay,
    "analytics": Analytics,
    "expiry": Expiration,
    "removal": DaysRemoved,
}
