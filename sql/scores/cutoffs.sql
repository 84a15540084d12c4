-- grain: one row a policy segment, measure and quantile that the policy asks for
-- owner: customer-value
-- Cut-offs taken from the population: the smallest value at or below which at least that share of the segment's scored customers
-- lies. They are computed before anybody is scored, so that a score never depends on who else is in a batch.
with measured as (
    select f.policy_segment as segment, m.*
    from scores.measures as m
    join features.customer as f on f.customer_id = m.customer_id
),

wanted as (select segment, measure from run.quantiles group by segment, measure),

numbers as (
    select segment, 'arpu' as measure, arpu_amount::decimal(18, 4) as value from measured
    union all
    select segment, 'spend' as measure, spend_amount::decimal(18, 4) as value from measured
    union all
    select segment, 'tenure' as measure, tenure_months::decimal(18, 4) as value from measured
    union all
    select segment, 'credit' as measure, credit::decimal(18, 4) as value from measured
    union all
    select segment, 'mou' as measure, mou_minutes::decimal(18, 4) as value from measured
),

ranked as (
    select
        n.segment,
        n.measure,
        n.value,
        row_number() over (partition by n.segment, n.measure order by n.value) as position_in_measure,
        count(*) over (partition by n.segment, n.measure) as population
    from numbers as n
    join wanted as w on w.segment = n.segment and w.measure = n.measure
    where n.value is not null
)

select
    q.segment, -- policy segment whose customers are the population
    q.measure, -- what is cut
    q.quantile, -- share of the population at or below
    min(r.value) as threshold -- cut-off; null where nobody has the measure yet
from run.quantiles as q
left join ranked as r
    on r.segment = q.segment and r.measure = q.measure and r.position_in_measure >= q.quantile * r.population
group by q.segment, q.measure, q.quantile
