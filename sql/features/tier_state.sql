-- grain: one row a customer who was scored the night before
-- owner: customer-value
-- What a customer's row remembers from before this night (was_…) and from the end of last month (month_…).
with latest as (
    select *, row_number() over (partition by customer_id order by valid_from desc) as recency
    from run.tier_memory
),

month_end as (
    select *, row_number() over (partition by customer_id order by valid_from desc) as recency
    from run.tier_memory
    where valid_from <= $last_month_end
)

select
    l.customer_id, -- customer
    l.tier as was_tier, -- tier that callers are served as
    l.tier_flag as was_tier_flag, -- its level, 1 is best
    l.tier_since as was_tier_since, -- first night of that tier
    l.tier_cause as was_tier_cause, -- what made it so
    l.tier_ground as was_tier_ground, -- what decides it: score, a list, provisional or override
    l.value_tier as was_value_tier, -- tier held, before lists
    l.stay_until as was_stay_until, -- promoted: first day on which it can be lost
    l.rated_on as was_rated_on, -- night of the last rating
    l.rated_until as was_rated_until, -- first day on which the rating no longer holds
    l.rated_score as was_rated_score, -- score of the last rating
    l.closed_month as was_closed_month, -- closed month that the counts are of, null while nothing is counted
    l.below_before as was_below_before, -- closed months in a row, before this one, below the tier held
    l.below_now as was_below_now, -- below it in this one, by the latest judgement
    l.lifecycle_stage as was_lifecycle_stage, -- stage
    l.stage_since as was_stage_since, -- first night of that stage
    l.stage_cause as was_stage_cause, -- what made it so
    l.next_stage as was_next_stage, -- what the rules say meanwhile
    l.next_stage_since as was_next_stage_since, -- since when they say so
    l.arpu_points as was_arpu_points, -- points that ARPU earned
    l.spend_points as was_spend_points, -- points that the window's spend earned
    l.tenure_points as was_tenure_points, -- points that tenure earned
    l.credit_points as was_credit_points, -- points that credit earned
    l.mou_points as was_mou_points, -- points that minutes of use earned
    l.policy_version as was_policy_version, -- policy that decided
    m.tier as month_tier, -- at the end of last month: tier that callers are served as
    m.lifecycle_stage as month_lifecycle_stage, -- at the end of last month: stage
    m.arpu_points as month_arpu_points, -- at the end of last month: points that ARPU earned
    m.spend_points as month_spend_points, -- at the end of last month: points that the window's spend earned
    m.tenure_points as month_tenure_points, -- at the end of last month: points that tenure earned
    m.credit_points as month_credit_points, -- at the end of last month: points that credit earned
    m.mou_points as month_mou_points -- at the end of last month: points that minutes of use earned
from latest as l
left join month_end as m on m.customer_id = l.customer_id and m.recency = 1
where l.recency = 1 and l.tier is not null
