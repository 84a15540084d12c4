-- grain: one row a measure and quantile that the policy asks for
-- owner: customer-value
-- Cut-offs taken from the population: the smallest value at or below which at least that share of the scored customers lies.
-- They are computed before anybody is scored, so that a score never depends on who else is in a batch.
with measured as (
    select 'arpu' as measure, arpu_amount::decimal(18, 4) as value
    from scores.measures
    where arpu_amount is not null
    union all
    select 'tenure' as measure, tenure_months::decimal(18, 4) as value
    from scores.measures
    where tenure_months is not null
    union all
    select 'credit' as measure, credit::decimal(18, 4) as value
    from scores.measures
),

ranked as (
    select
        measure,
        value,
        row_number() over (partition by measure order by value) as position_in_measure,
        count(*) over (partition by measure) as population
    from measured
    where measure in (select measure from run.quantiles)
)

select
    q.measure, -- what is cut
    q.quantile, -- share of the population at or below
    min(r.value) as threshold -- cut-off; null where nobody has the measure yet
from run.quantiles as q
left join ranked as r on r.measure = q.measure and r.position_in_measure >= q.quantile * r.population
group by q.measure, q.quantile
