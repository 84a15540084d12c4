-- grain: one row a customer and time during which tier, stage and what decides them stayed the same
-- owner: customer-value
-- Who was served as what from when to when: the nights' changes, tonight's with them, without those in which only points changed. A
-- customer out of service has no open row.
with changes as (
    select
        *,
        below_before + case when below_now then 1 else 0 end as below_months,
        row_number() over (partition by customer_id order by valid_from) as position
    from (
        select
            customer_id, valid_from, tier, tier_flag, tier_cause, tier_ground, value_tier, rated_until, below_before, below_now,
            lifecycle_stage, stage_cause, policy_version
        from run.tier_changes
        union all
        select
            customer_id, valid_from, tier, tier_flag, tier_cause, tier_ground, value_tier, rated_until, below_before, below_now,
            lifecycle_stage, stage_cause, policy_version
        from scores.tier_changes
    ) as nights
),

-- What stays of them: the first of a customer, and each that differs from the one before it.
kept as (
    select c.*
    from changes as c
    left join changes as b on b.customer_id = c.customer_id and b.position = c.position - 1
    where
        b.customer_id is null
        or c.tier is distinct from b.tier
        or c.tier_flag is distinct from b.tier_flag
        or c.value_tier is distinct from b.value_tier
        or c.tier_cause is distinct from b.tier_cause
        or c.tier_ground is distinct from b.tier_ground
        or c.lifecycle_stage is distinct from b.lifecycle_stage
        or c.stage_cause is distinct from b.stage_cause
        or c.below_months is distinct from b.below_months
        or c.rated_until is distinct from b.rated_until
        or c.policy_version is distinct from b.policy_version
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
