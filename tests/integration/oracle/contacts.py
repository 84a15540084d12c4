"""Who complained how often.

Belongs here: contacts, whose they are. Does not: calls in the call detail records.
"""

from __future__ import annotations

from collections import Counter
from datetime import date

from oracle.days import local_date
from oracle.identity import Identity
from oracle.read import Row

COMPLAINT_DAYS = 90
COMPLAINTS = ("投诉", "CMP")


def complaints(identity: Identity, contacts: list[Row], day: date) -> Counter[str]:
    """By customer who held the number then, over the 90 days that end with the as-of date."""
    found: Counter[str] = Counter()
    for contact in contacts:
        holder = identity.holder(contact["contact_address"], contact["offered_at"])
        recent = 0 <= (day - local_date(contact["offered_at"])).days < COMPLAINT_DAYS
        if holder and recent and (contact["reason_code"] or "").startswith(COMPLAINTS):
            found[holder.customer] += 1
    return found
