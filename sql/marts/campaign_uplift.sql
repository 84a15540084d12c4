-- grain: one row a campaign and tier, and one for all its tiers
-- owner: retention
-- Retention campaigns: how many were on the list and in the control group, what came of calling, and how many of each stayed. Everybody who
-- was listed counts, called or not (intention to treat). The uplift and its interval are added by `tierline worklist results`.
with called as (
    select
        campaign,
        customer_id,
        max(case when outcome <> 'not_reached' then 1 else 0 end) as is_reached,
        max(case when outcome = 'accepted' then 1 else 0 end) as is_accepted
    from staging.campaign_results
    where known_at < $known_before and contacted_date <= $as_of_date
    group by campaign, customer_id
),

members as (
    select
        o.*,
        case when c.customer_id is not null then 1 else 0 end as is_contacted,
        coalesce(c.is_reached, 0) as is_reached,
        coalesce(c.is_accepted, 0) as is_accepted,
        case when o.is_control then 0 else 1 end as is_listed,
        case when o.is_retained is null then 0 else 1 end as is_judged,
        case when o.is_retained then 1 else 0 end as is_kept
    from features.campaign_outcomes as o
    left join called as c on c.campaign = o.campaign and c.customer_id = o.customer_id
),

scoped as (
    select m.*, m.tier as scope, m.tier_flag as scope_flag
    from members as m
    union all
    select m.*, null as scope, 0 as scope_flag
    from members as m
)

select
    campaign, -- campaign
    scope as tier, -- tier on the day of the list; null: all
    scope_flag::smallint as tier_flag, -- its level, 1 is best; 0: all
    list_date, -- night that the list was made from
    outcome_date, -- day on which it is judged who stayed
    sum(is_listed)::bigint as listed, -- customers on the list
    sum(is_listed * is_contacted)::bigint as contacted, -- of them called, by the results delivered
    sum(is_listed * is_reached)::bigint as reached, -- of them talked to
    sum(is_listed * is_accepted)::bigint as accepted, -- of them took an offer
    sum(1 - is_listed)::bigint as control, -- customers kept out, to compare with
    sum((1 - is_listed) * is_contacted)::bigint as control_contacted, -- of them called against the plan
    case when outcome_date <= $as_of_date then sum(is_listed * is_judged) end::bigint
        as listed_judged, -- listed customers of whom it is known whether they stayed; null until the outcome date
    case when outcome_date <= $as_of_date then sum(is_listed * is_kept) end::bigint as listed_retained, -- of them stayed
    case when outcome_date <= $as_of_date then sum((1 - is_listed) * is_judged) end::bigint
        as control_judged, -- the control group's of whom it is known; null until the outcome date
    case when outcome_date <= $as_of_date then sum((1 - is_listed) * is_kept) end::bigint as control_retained, -- of them stayed
    sum(case when is_control then 0 else lifetime_value_amount end)::decimal(18, 4)
        as lifetime_value_amount, -- lifetime value of the listed on the day of the list
    sum(case when is_control then 0 else value_at_risk_amount end)::decimal(18, 4)
        as value_at_risk_amount -- value at risk of the listed on the day of the list
from scoped
group by campaign, scope, scope_flag, list_date, outcome_date
