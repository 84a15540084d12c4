-- grain: one row a campaign and customer on its list or in its control group
-- owner: retention
-- Who of a campaign stayed, as known now: a line was in service at the end of the outcome date, and of prepaid customers one was used or
-- recharged within the days in which silence counts as leaving. Null until that date has passed, and where usage is not loaded for
-- those days.
with due as (
    select campaign, customer_id, payment_type, outcome_date, outcome_at, active_from
    from run.campaign_members
    where outcome_date <= $as_of_date
),

held as (
    select d.campaign, d.customer_id
    from due as d
    join features.subscription_versions as v
        on v.customer_id = d.customer_id and v.valid_from < d.outcome_at and coalesce(v.valid_to >= d.outcome_at, true)
    where v.status <> 'ceased' and v.activation_date <= d.outcome_date
    group by d.campaign, d.customer_id
),

active as (
    -- A day's usage counts for whoever held the line at its last record. Joined day by day, so that only files of these days are opened.
    select d.campaign, d.customer_id
    from due as d
    join features.usage_daily as u on u.customer_id = d.customer_id and u.usage_date between d.active_from and d.outcome_date
    where d.payment_type = 'prepaid'
    union
    select d.campaign, d.customer_id
    from due as d
    join features.subscription_versions as v on v.customer_id = d.customer_id
    join staging.payments as p
        on p.subscription_id = v.subscription_id and v.valid_from <= p.paid_at and coalesce(p.paid_at < v.valid_to, true)
        and p.paid_date between d.active_from and d.outcome_date
    where d.payment_type = 'prepaid' and p.kind = 'recharge' and p.known_at < $known_before
),

usage_span as (
    select min(usage_date) as first_day, max(usage_date) as last_day
    from features.usage_daily
)

select
    m.campaign, -- campaign
    m.customer_id, -- customer
    m.tier, -- tier on the day of the list
    m.tier_flag, -- its level, 1 is best
    m.is_control, -- kept out, to compare with
    m.list_date, -- night that the list was made from
    m.outcome_date, -- day on which it is judged who stayed
    m.lifetime_value_amount, -- lifetime value on the day of the list
    m.value_at_risk_amount, -- value at risk on the day of the list
    case
        when m.outcome_date > $as_of_date then null
        when m.payment_type <> 'prepaid' then h.customer_id is not null
        when u.first_day <= m.active_from and u.last_day >= m.outcome_date then h.customer_id is not null and a.customer_id is not null
    end as is_retained -- stayed; null: not known
from run.campaign_members as m
cross join usage_span as u
left join held as h on h.campaign = m.campaign and h.customer_id = m.customer_id
left join active as a on a.campaign = m.campaign and a.customer_id = m.customer_id
