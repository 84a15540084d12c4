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

counted as (
    -- A value once: there are far fewer values than customers, and one window has to order all of them.
    select n.segment, n.measure, n.value, count(*) as customers
    from numbers as n
    join wanted as w on w.segment = n.segment and w.measure = n.measure
    where n.value is not null
    group by n.segment, n.measure, n.value
),

ranked as (
    select
        segment,
        measure,
        value,
        sum(customers) over (partition by segment, measure order by value)::bigint as customers_up_to,
        sum(customers) over (partition by segment, measure)::bigint as population
    from counted
)

select
    q.segment, -- policy segment whose customers are the population
    q.measure, -- what is cut
    q.quantile, -- share of the population at or below
    min(r.value) as threshold -- cut-off; null where nobody has the measure yet
from run.quantiles as q
left join ranked as r
    on r.segment = q.segment and r.measure = q.measure and r.customers_up_to >= q.quantile * r.population
group by q.segment, q.measure, q.quantile
