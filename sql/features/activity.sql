-- grain: one row a customer and date at which activity matters: the as-of date, and churn origins with their usage loaded
-- owner: retention
-- Whether and when a customer was last active: any call, message or data, in or out, or a recharge, on a line that the customer held then.
with signs as (
    -- A day's usage counts for whoever held the line at its last record.
    select subscription_id, usage_date as active_date, last_activity_at as active_at
    from features.usage_daily
    where subscription_id is not null
    union all
    select subscription_id, paid_date as active_date, paid_at as active_at
    from staging.payments
    where kind = 'recharge' and subscription_id is not null and known_at < $known_before and paid_date <= $as_of_date
)

select
    o.origin_date, -- date that is looked at
    v.customer_id, -- customer
    max(case when s.active_date <= o.origin_date then s.active_date end) as last_active_date, -- last activity up to then
    max(case when s.active_date >= o.quiet_from then 1 else 0 end) = 1 as active_after -- active in the silent days up to the horizon's end
from run.churn_origins as o
join signs as s on s.active_date between o.active_from and o.quiet_until
join features.subscription_versions as v
    on v.subscription_id = s.subscription_id
    and v.valid_from <= s.active_at and coalesce(s.active_at < v.valid_to, true)
where o.usage_observed
group by o.origin_date, v.customer_id
