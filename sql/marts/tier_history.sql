-- grain: one row a customer and time during which tier, stage and what decides them stayed the same
-- owner: customer-value
-- Who was served as what from when to when: the nights' changes, tonight's with them, without those in which only points changed. A
-- customer out of service has no open row.
with nights as (
    select
        customer_id, valid_from, tier, tier_flag, tier_cause, tier_ground, value_tier, rated_until, below_before, below_now,
        lifecycle_stage, stage_cause, policy_version
    from run.tier_changes
    union all
    select
        customer_id, valid_from, tier, tier_flag, tier_cause, tier_ground, value_tier, rated_until, below_before, below_now,
        lifecycle_stage, stage_cause, policy_version
    from scores.tier_changes
),

changes as (
    select *, below_before + case when below_now then 1 else 0 end as below_months
    from nights
),

compared as (
    select
        *,
        lag(valid_from) over earlier as earlier_from,
        lag(tier) over earlier as earlier_tier,
        lag(tier_flag) over earlier as earlier_tier_flag,
        lag(value_tier) over earlier as earlier_value_tier,
        lag(tier_cause) over earlier as earlier_tier_cause,
        lag(tier_ground) over earlier as earlier_tier_ground,
        lag(lifecycle_stage) over earlier as earlier_lifecycle_stage,
        lag(stage_cause) over earlier as earlier_stage_cause,
        lag(below_months) over earlier as earlier_below_months,
        lag(rated_until) over earlier as earlier_rated_until,
        lag(policy_version) over earlier as earlier_policy_version
    from changes
    window earlier as (partition by customer_id order by valid_from)
),

-- What stays of them: the first of a customer, and each that differs from the one before it.
kept as (
    select *
    from compared
    where
        earlier_from is null
        or tier is distinct from earlier_tier
        or tier_flag is distinct from earlier_tier_flag
        or value_tier is distinct from earlier_value_tier
        or tier_cause is distinct from earlier_tier_cause
        or tier_ground is distinct from earlier_tier_ground
        or lifecycle_stage is distinct from earlier_lifecycle_stage
        or stage_cause is distinct from earlier_stage_cause
        or below_months is distinct from earlier_below_months
        or rated_until is distinct from earlier_rated_until
        or policy_version is distinct from earlier_policy_version
),

intervals as (
    select *, lead(valid_from) over (partition by customer_id order by valid_from) as valid_to
    from kept
)

select
    customer_id, -- customer
    valid_from, -- first night
    valid_to, -- first night on which it was otherwise; null while open
    tier, -- tier that callers are served as
    tier_flag, -- its level, 1 is best
    value_tier, -- tier held by the policy's moves, before lists and overrides
    tier_cause, -- what made the tier so
    tier_ground, -- what decides it: score, a list, provisional or override
    lifecycle_stage, -- identification, growth, stable or warning
    stage_cause, -- what made the stage so
    below_months::smallint as below_months, -- closed months in a row below the tier held
    rated_until, -- first day on which the rating no longer holds
    policy_version -- policy that decided
from intervals
where tier is not null
