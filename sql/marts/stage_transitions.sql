-- grain: one row a month, stage before it, stage at its end and cause
-- owner: retention
-- From which lifecycle stage to which customers came in a month, and what put them there. Up to 24 months; the running one up to the as-of
-- date.
with stage_before as (
    select m.month, h.customer_id, h.lifecycle_stage
    from run.history_months as m
    join marts.tier_history as h on h.valid_from <= m.before_date and coalesce(h.valid_to > m.before_date, true)
),

stage_after as (
    select m.month, h.customer_id, h.lifecycle_stage, h.stage_cause
    from run.history_months as m
    join marts.tier_history as h on h.valid_from <= m.end_date and coalesce(h.valid_to > m.end_date, true)
),

customers as (
    select
        coalesce(a.month, b.month) as month,
        b.lifecycle_stage as stage_before,
        a.lifecycle_stage as stage_after,
        case when a.lifecycle_stage is distinct from b.lifecycle_stage then a.stage_cause end as cause
    from stage_before as b
    full join stage_after as a on a.month = b.month and a.customer_id = b.customer_id
)

select
    month, -- month, YYYY-MM
    stage_before, -- stage at the end of the month before; null: not there
    stage_after, -- stage at the end of the month; null: gone
    cause, -- what put them into it; null where it is the same, or they are gone
    count(*) as customers -- customers of this transition
from customers
group by month, stage_before, stage_after, cause
