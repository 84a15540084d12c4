-- grain: one row a band of payment type and tenure
-- owner: retention
-- How many customers of a band were on the network at the month ends of the past year, and how many of them left within the horizon:
-- postpaid when every line had ceased; prepaid also when no call, message, data or recharge was seen for the whole horizon.
with held as (
    select o.origin_date, o.usage_observed, v.customer_id, v.payment_type, v.activation_date
    from run.churn_origins as o
    join features.subscription_versions as v
        on v.valid_from < o.origin_at and coalesce(v.valid_to >= o.origin_at, true)
    where o.is_history and v.status <> 'ceased' and v.activation_date <= o.origin_date
),

survivors as (
    select o.origin_date, v.customer_id
    from run.churn_origins as o
    join features.subscription_versions as v
        on v.valid_from < o.horizon_at and coalesce(v.valid_to >= o.horizon_at, true)
    where o.is_history and v.status <> 'ceased' and v.activation_date <= o.horizon_date
    group by o.origin_date, v.customer_id
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
            when c.payment_type = 'prepaid' and not a.active_after then 1
            else 0
        end as churned
    from cohort as c
    join run.tenure_bands as b
        on b.origin_date = c.origin_date
        and c.first_activation_date > b.activated_after and c.first_activation_date <= b.activated_until
    left join survivors as s on s.origin_date = c.origin_date and s.customer_id = c.customer_id
    left join features.activity as a on a.origin_date = c.origin_date and a.customer_id = c.customer_id
    where c.payment_type = 'postpaid' or (c.usage_observed and a.last_active_date is not null)
)

select
    payment_type || ':' || tenure_band as churn_band, -- payment type and tenure in months, from-to
    count(*) as exposed, -- customers on the network, summed over month ends
    sum(churned)::bigint as churned -- of them gone within the horizon
from outcomes
group by payment_type, tenure_band
