-- grain: one row a bill of any segment's ARPU window that no known line answers for
-- owner: billing
-- severity: warn
-- Billed revenue that is in nobody's value: the line or account of the bill is not in the subscriptions extract.
select
    bill_id, -- bill
    billing_period, -- month
    amount -- service revenue left out
from features.bill_shares
where customer_id is null
