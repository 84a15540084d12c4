-- grain: one row a customer who was active in the last 90 days
-- owner: retention
-- When a customer was last active: any call, message or data, in or out, or a recharge, on a line that the customer held then.
with signs as (
    -- A day's usage counts for whoever held the line at its last record.
    select customer_id, usage_date as active_date
    from features.usage_daily
    where customer_id is not null and usage_date between $activity_from and $as_of_date
    union all
    select v.customer_id, p.paid_date as active_date
    from staging.payments as p
    join features.subscription_versions as v
        on v.subscription_id = p.subscription_id and v.valid_from <= p.paid_at and coalesce(p.paid_at < v.valid_to, true)
    where
        p.kind = 'recharge' and p.subscription_id is not null and p.known_at < $known_before
        and p.paid_date between $activity_from and $as_of_date
)

select
    customer_id, -- customer
    max(active_date) as last_active_date -- last activity
from signs
group by customer_id
