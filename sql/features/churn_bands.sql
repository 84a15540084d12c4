-- grain: one row a band of payment type and tenure
-- owner: retention
-- How many customers of a band were on the network at the month ends of the past year, and how many of them left within the horizon:
-- postpaid when every line had ceased; prepaid also when no call, message, data or recharge was seen for the whole horizon.
with held as (
    select
        o.origin_date,
        o.origin_at,
        o.usage_observed,
        v.customer_id,
        v.payment_type,
        v.activation_date
    from run.churn_origins as o
    join features.subscription_versions as v
        on v.valid_from < o.origin_at and coalesce(v.valid_to >= o.origin_at, true)
    where v.status <> 'ceased'
),

survivors as (
    select o.origin_date, v.customer_id
    from run.churn_origins as o
    join features.subscription_versions as v
        on v.valid_from < o.horizon_at and coalesce(v.valid_to >= o.horizon_at, true)
    where v.status <> 'ceased'
    group by o.origin_date, v.customer_id
),

activity as (
    select subscription_id, usage_date as active_date
    from features.usage_daily
    where subscription_id is not null
    union
    select subscription_id, paid_date as active_date
    from staging.payments
    where kind = 'recharge' and subscription_id is not null and known_at < $as_of_end and paid_date <= $as_of_date
),

-- A line taken up after the month end counts as well: a customer who changes to it has not left.
lines_of as (
    select o.origin_date, o.quiet_from, o.quiet_until, v.customer_id, v.subscription_id
    from run.churn_origins as o
    join features.subscription_versions as v
        on v.valid_from < o.horizon_at and coalesce(v.valid_to >= o.origin_at, true)
    where o.usage_observed and v.status <> 'ceased'
    group by o.origin_date, o.quiet_from, o.quiet_until, v.customer_id, v.subscription_id
),

line_activity as (
    select
        l.origin_date,
        l.customer_id,
        max(case when a.active_date <= l.origin_date then 1 else 0 end) as active_before,
        max(case when a.active_date > l.origin_date then 1 else 0 end) as active_after
    from lines_of as l
    join activity as a
        on a.subscription_id = l.subscription_id
        and a.active_date > l.quiet_from and a.active_date <= l.quiet_until
    group by l.origin_date, l.customer_id
),

cohort as (
    select
        origin_date,
        customer_id,
        case when max(case when payment_type = 'postpaid' then 1 else 0 end) = 1 then 'postpaid' else 'prepaid' end as payment_type,
        min(activation_date) as first_activation_date,
        max(case when usage_observed then 1 else 0 end) = 1 as usage_observed
    from held
    group by origin_date, customer_id
),

outcomes as (
    -- A prepaid customer silent before the month end had left already, and one whose usage was not observed can't be judged.
    select
        c.payment_type,
        b.tenure_band,
        case
            when s.customer_id is null then 1
            when c.payment_type = 'prepaid' and coalesce(a.active_after, 0) = 0 then 1
            else 0
        end as churned
    from cohort as c
    join run.tenure_bands as b
        on b.origin_date = c.origin_date
        and c.first_activation_date > b.activated_after and c.first_activation_date <= b.activated_until
    left join survivors as s on s.origin_date = c.origin_date and s.customer_id = c.customer_id
    left join line_activity as a on a.origin_date = c.origin_date and a.customer_id = c.customer_id
    where c.payment_type = 'postpaid' or (c.usage_observed and coalesce(a.active_before, 0) = 1)
)

select
    payment_type || ':' || tenure_band as churn_band, -- payment type and tenure in months, from-to
    count(*) as exposed, -- customers on the network, summed over month ends
    sum(churned)::bigint as churned -- of them gone within the horizon
from outcomes
group by payment_type, tenure_band
