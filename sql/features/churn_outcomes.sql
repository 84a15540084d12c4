-- grain: one row a past origin and customer whose outcome can be judged
-- owner: retention
-- Who was on the network at an origin and at the end of the gap after it, and had left by the end of the horizon after the gap:
-- postpaid when every line had ceased; prepaid also when no call, message, data or recharge was seen for the inactive days that end
-- with the horizon. Who left before or within the gap is in neither count: nobody could have kept them.
with on_network as (
    -- One look at the lines for all three days: who held one at the origin, at the end of the gap, at the end of the horizon.
    select
        o.origin_date,
        o.usage_observed,
        v.customer_id,
        v.payment_type,
        v.activation_date,
        v.valid_from < o.origin_at and v.activation_date <= o.origin_date as is_held,
        v.valid_from < o.gap_at and coalesce(v.valid_to >= o.gap_at, true) and v.activation_date <= o.gap_date as is_held_after_gap,
        coalesce(v.valid_to >= o.horizon_at, true) as is_held_at_horizon
    from run.churn_origins as o
    join features.subscription_versions as v
        on v.valid_from < o.horizon_at and coalesce(v.valid_to >= o.origin_at, true) and v.activation_date <= o.horizon_date
    where v.status <> 'ceased'
),

cohort as (
    select
        origin_date,
        customer_id,
        case when max(case when is_held and payment_type = 'postpaid' then 1 else 0 end) = 1 then 'postpaid' else 'prepaid' end
            as payment_type,
        min(case when is_held then activation_date end) as first_activation_date,
        max(case when usage_observed then 1 else 0 end) = 1 as usage_observed,
        max(case when is_held_at_horizon then 1 else 0 end) = 1 as has_stayed
    from on_network
    group by origin_date, customer_id
    having
        max(case when is_held then 1 else 0 end) = 1
        and max(case when is_held_after_gap then 1 else 0 end) = 1
)

select
    c.origin_date, -- date from which it is looked ahead
    c.customer_id, -- customer
    c.payment_type, -- postpaid when any line on the network then was, else prepaid
    b.tenure_band, -- tenure then, in months from-to
    not c.has_stayed or (c.payment_type = 'prepaid' and not a.active_after) as churned -- gone by the end of the horizon after the gap
from cohort as c
join run.origin_tenure_bands as b
    on b.origin_date = c.origin_date
    and c.first_activation_date > b.activated_after and c.first_activation_date <= b.activated_until
left join features.activity_at_origins as a on a.origin_date = c.origin_date and a.customer_id = c.customer_id
-- A prepaid customer silent for so long that the inactive days end within the gap had left by then, and one whose usage was not
-- observed can't be judged.
where c.payment_type = 'postpaid' or (c.usage_observed and a.last_active_date is not null)
