-- grain: one row a subscription and closed month of any segment's ARPU window
-- owner: crm
-- Who held a line, who paid for it and how, at the end of a month. What was billed or used in a month belongs to that holder, so
-- that a new owner of a line does not inherit the old one's value. Where the CRM's history of a line starts after its activation,
-- its first known holder is taken for the months before.
with months as (
    select billing_period, last_day, ends_at
    from run.arpu_months
    group by billing_period, last_day, ends_at
)

select
    m.billing_period, -- month, YYYY-MM
    v.subscription_id, -- line
    v.customer_id, -- who held it
    v.account_id, -- account that paid for it
    v.payment_type, -- postpaid or prepaid
    v.status <> 'ceased' and coalesce(v.valid_to >= m.ends_at, true) as in_service -- active or suspended at the end of the month
from months as m
join features.subscription_versions as v
    on v.activation_date <= m.last_day
    and (v.is_first or v.valid_from < m.ends_at) and coalesce(v.next_from >= m.ends_at, true)
