-- grain: one row a past origin with its usage loaded and customer who was active around it
-- owner: retention
-- Whether a customer was active before a date from which it is looked ahead, and again in the silent days that would count as leaving: any
-- call, message or data, in or out, or a recharge, on a line that the customer held then.
with signs as (
    -- A day's usage counts for whoever held the line at its last record.
    select o.origin_date, u.customer_id, u.usage_date as active_date
    from run.churn_origins as o
    join features.usage_daily as u on u.usage_date between o.active_from and o.quiet_until
    where o.usage_observed and u.customer_id is not null
    union all
    select o.origin_date, v.customer_id, p.paid_date as active_date
    from run.churn_origins as o
    join staging.payments as p on p.paid_date between o.active_from and o.quiet_until
    join features.subscription_versions as v
        on v.subscription_id = p.subscription_id and v.valid_from <= p.paid_at and coalesce(p.paid_at < v.valid_to, true)
    where o.usage_observed and p.kind = 'recharge' and p.subscription_id is not null and p.known_at < $known_before
)

select
    s.origin_date, -- date from which it is looked ahead
    s.customer_id, -- customer
    max(case when s.active_date <= s.origin_date then s.active_date end) as last_active_date, -- last activity up to then
    max(case when s.active_date >= o.quiet_from then 1 else 0 end) = 1 as active_after -- active in the silent days up to the horizon's end
from signs as s
join run.churn_origins as o on o.origin_date = s.origin_date
group by s.origin_date, s.customer_id
