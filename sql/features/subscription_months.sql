-- grain: one row a subscription and closed month of any segment's ARPU window
-- owner: crm
-- Who held a line, who paid for it and how, at the end of a month. What was billed or used in a month belongs to that holder, so
-- that a new owner of a line does not inherit the old one's value. Where the CRM's history of a line starts after its activation,
-- its first known holder is taken for the months before.
with versions as (
    select *, row_number() over (partition by subscription_id order by valid_from) as position_in_history
    from features.subscription_versions
),

months as (
    select billing_period, last_day, ends_at
    from run.arpu_months
    group by billing_period, last_day, ends_at
),

ranked as (
    select
        m.billing_period,
        m.ends_at,
        v.*,
        row_number() over (partition by m.billing_period, v.subscription_id order by v.valid_from desc) as recency
    from months as m
    join versions as v
        on v.activation_date <= m.last_day and (v.valid_from < m.ends_at or v.position_in_history = 1)
)

select
    billing_period, -- month, YYYY-MM
    subscription_id, -- line
    customer_id, -- who held it
    account_id, -- account that paid for it
    payment_type, -- postpaid or prepaid
    status <> 'ceased' and coalesce(valid_to >= ends_at, true) as in_service -- active or suspended at the end of the month
from ranked
where recency = 1
