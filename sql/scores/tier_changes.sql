-- grain: one row a customer whose memory this night changed
-- owner: customer-value
-- What this night adds to the history of tiers: the whole memory of each customer in whom any of it is other than before, and, with a
-- null tier, customers who are out of service since.
select
    coalesce(s.customer_id, t.customer_id) as customer_id, -- customer
    $as_of_date::date as valid_from, -- this night
    s.tier, -- tier that callers are served as; null: out of service
    s.tier_flag, -- its level, 1 is best
    s.tier_since, -- first night of that tier
    case when s.customer_id is null then 'out_of_service' else s.tier_cause end as tier_cause, -- what made it so
    s.tier_ground, -- what decides it: score, a list, provisional or override
    s.value_tier, -- tier held, before lists
    s.stay_until, -- promoted: first day on which it can be lost
    s.rated_on, -- night of the last rating
    s.rated_until, -- first day on which the rating no longer holds
    s.rated_score, -- score of the last rating
    s.closed_month, -- closed month that the counts are of, null while nothing is counted
    s.below_before, -- closed months in a row, before this one, below the tier held
    s.below_now, -- below it in this one, by the latest judgement
    s.lifecycle_stage, -- stage
    s.stage_since, -- first night of that stage
    s.stage_cause, -- what made it so
    s.next_stage, -- what the rules say meanwhile
    s.next_stage_since, -- since when they say so
    s.arpu_points, -- points that ARPU earned
    s.spend_points, -- points that the window's spend earned
    s.tenure_points, -- points that tenure earned
    s.credit_points, -- points that credit earned
    s.mou_points, -- points that minutes of use earned
    s.policy_version -- policy that decided
from scores.customer as s
full join features.tier_state as t on t.customer_id = s.customer_id
where
    s.customer_id is null
    or t.customer_id is null
    or s.tier is distinct from t.was_tier
    or s.tier_flag is distinct from t.was_tier_flag
    or s.tier_since is distinct from t.was_tier_since
    or s.tier_cause is distinct from t.was_tier_cause
    or s.tier_ground is distinct from t.was_tier_ground
    or s.value_tier is distinct from t.was_value_tier
    or s.stay_until is distinct from t.was_stay_until
    or s.rated_on is distinct from t.was_rated_on
    or s.rated_until is distinct from t.was_rated_until
    or s.rated_score is distinct from t.was_rated_score
    or s.closed_month is distinct from t.was_closed_month
    or s.below_before is distinct from t.was_below_before
    or s.below_now is distinct from t.was_below_now
    or s.lifecycle_stage is distinct from t.was_lifecycle_stage
    or s.stage_since is distinct from t.was_stage_since
    or s.stage_cause is distinct from t.was_stage_cause
    or s.next_stage is distinct from t.was_next_stage
    or s.next_stage_since is distinct from t.was_next_stage_since
    or s.arpu_points is distinct from t.was_arpu_points
    or s.spend_points is distinct from t.was_spend_points
    or s.tenure_points is distinct from t.was_tenure_points
    or s.credit_points is distinct from t.was_credit_points
    or s.mou_points is distinct from t.was_mou_points
    or s.policy_version is distinct from t.was_policy_version
