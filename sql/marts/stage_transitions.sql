-- grain: one row a month, stage before it, stage at its end and cause
-- owner: retention
-- From which lifecycle stage to which customers came in a month, and what put them there. Up to 24 months; the running one up to the as-of
-- date.
with spans as (
    -- What stood at the end of a month: from the month it began in until before the month it ended in.
    select
        customer_id,
        lifecycle_stage,
        stage_cause,
        strftime(valid_from, '%Y-%m') as from_month,
        strftime(valid_to, '%Y-%m') as to_month
    from marts.tier_history
    where strftime(valid_from, '%Y-%m') is distinct from strftime(valid_to, '%Y-%m')
),

linked as (
    select
        *,
        lag(to_month) over (partition by customer_id order by from_month) as earlier_to_month,
        lag(lifecycle_stage) over (partition by customer_id order by from_month) as earlier_stage,
        lead(from_month) over (partition by customer_id order by from_month) as later_from_month
    from spans
),

moves as (
    select
        from_month as month,
        case when earlier_to_month = from_month then earlier_stage end as stage_before,
        lifecycle_stage as stage_after,
        stage_cause,
        1 as customers
    from linked
    union all
    select to_month, lifecycle_stage, null, null, 1
    from linked
    where to_month is not null and later_from_month is distinct from to_month
    union all
    -- Counted before they are spread over the months in which nothing happened to them.
    select m.month, s.lifecycle_stage, s.lifecycle_stage, null, s.customers
    from run.history_months as m
    join (
        select lifecycle_stage, from_month, to_month, count(*) as customers
        from spans
        group by lifecycle_stage, from_month, to_month
    ) as s on s.from_month < m.month and coalesce(s.to_month > m.month, true)
),

causes as (
    select v.*, case when v.stage_after is distinct from v.stage_before then v.stage_cause end as cause
    from moves as v
    join run.history_months as m on m.month = v.month
)

select
    month, -- month, YYYY-MM
    stage_before, -- stage at the end of the month before; null: not there
    stage_after, -- stage at the end of the month; null: gone
    cause, -- what put them into it; null where it is the same, or they are gone
    sum(customers)::bigint as customers -- customers of this transition
from causes
group by month, stage_before, stage_after, cause
