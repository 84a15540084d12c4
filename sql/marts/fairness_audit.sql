-- grain: one row a dimension, group and tier
-- owner: customer-value
-- How tiers, scores and warnings fall on groups of customers by gender, age and region. Groups under 10 customers are withheld and counted
-- in one row a dimension: in so few, a figure would tell of persons.
with people as (
    select
        s.customer_id,
        s.tier,
        s.tier_flag,
        s.value_score,
        s.lifecycle_stage,
        coalesce(f.gender, 'unknown') as gender,
        case
            when f.birth_year is null then 'unknown'
            when year($as_of_date::date) - f.birth_year < 25 then 'under 25'
            when year($as_of_date::date) - f.birth_year < 35 then '25-34'
            when year($as_of_date::date) - f.birth_year < 45 then '35-44'
            when year($as_of_date::date) - f.birth_year < 55 then '45-54'
            when year($as_of_date::date) - f.birth_year < 65 then '55-64'
            else '65+'
        end as age_band,
        coalesce(f.region, 'unknown') as region
    from scores.customer as s
    join features.customer as f on f.customer_id = s.customer_id
),

members as (
    select 'gender' as dimension, gender as group_name, tier, tier_flag, value_score, lifecycle_stage from people
    union all
    select 'age', age_band, tier, tier_flag, value_score, lifecycle_stage from people
    union all
    select 'region', region, tier, tier_flag, value_score, lifecycle_stage from people
),

groups as (
    select
        dimension,
        group_name,
        count(*) as customers,
        sum(case when tier_flag = 1 then 1 else 0 end)::bigint as best,
        sum(case when lifecycle_stage = 'warning' then 1 else 0 end)::bigint as in_warning,
        sum((value_score * 10000)::bigint) as points
    from members
    group by dimension, group_name
),

tiers as (
    select dimension, group_name, tier, count(*) as customers
    from members
    group by dimension, group_name, tier
),

everybody as (
    select count(*) as customers, sum(case when tier_flag = 1 then 1 else 0 end)::bigint as best
    from people
),

audited as (
    select
        g.dimension,
        g.group_name,
        t.tier,
        t.position as tier_flag,
        g.customers,
        coalesce(c.customers, 0) as tier_customers,
        ((2000000 * coalesce(c.customers, 0) + g.customers) // (2 * g.customers)) * 0.000001 as tier_share,
        ((2000000 * g.in_warning + g.customers) // (2 * g.customers)) * 0.000001 as warning_share,
        ((2 * g.points + g.customers) // (2 * g.customers)) * 0.0001 as mean_value_score,
        case
            when e.best > 0
                then (
                    (20000::hugeint * g.best * e.customers + g.customers::hugeint * e.best)
                    // (2::hugeint * g.customers * e.best)
                ) * 0.0001
        end as best_tier_ratio
    from groups as g
    cross join everybody as e
    cross join run.tier_names as t
    left join tiers as c on c.dimension = g.dimension and c.group_name = g.group_name and c.tier = t.tier
    where g.customers >= 10
    union all
    select dimension, 'withheld', null, null, sum(customers), null, null, null, null, null
    from groups
    where customers < 10
    group by dimension
)

select
    dimension, -- gender, age or region
    group_name, -- group; withheld: all groups of the dimension that are too small
    tier, -- tier that callers are served as; null where withheld
    tier_flag, -- its level, 1 is best
    customers::bigint as customers, -- customers of the group
    tier_customers::bigint as tier_customers, -- of them in the tier
    tier_share::decimal(7, 6) as tier_share, -- metric group_tier_share
    mean_value_score::decimal(12, 4) as mean_value_score, -- metric group_mean_value_score
    warning_share::decimal(7, 6) as warning_share, -- metric group_warning_share
    best_tier_ratio::decimal(18, 4) as best_tier_ratio -- metric group_best_tier_ratio
from audited
