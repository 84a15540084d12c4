-- grain: one row a share of the customers
-- owner: customer-value
-- How much of the window's spend the customers who spend most bring. Spend is a proxy of profit: what a customer costs is not known. Spend
-- below zero (refunds) counts as none.
with spenders as (
    select
        (greatest(spend_amount, 0) * 10000)::bigint as units,
        row_number() over (order by greatest(spend_amount, 0) desc, customer_id) as position
    from scores.customer
    where spend_amount is not null
),

everybody as (
    select count(*) as customers, coalesce(sum(units), 0) as units
    from spenders
),

summed as (
    select
        t.top_percent,
        e.customers,
        e.units,
        (e.customers * t.top_percent + 99) // 100 as top_customers,
        coalesce(sum(s.units), 0) as top_units
    from everybody as e
    cross join (values (1), (5), (10), (20), (50)) as t (top_percent)
    left join spenders as s on s.position <= (e.customers * t.top_percent + 99) // 100
    group by t.top_percent, e.customers, e.units
)

select
    s.top_percent, -- so many per cent of the customers, by spend
    s.customers, -- customers whose spend is known
    s.top_customers, -- so many of them, rounded up
    (s.units * 0.0001)::decimal(28, 4) as spend_amount, -- spend of all of them in their windows
    (s.top_units * 0.0001)::decimal(28, 4) as top_spend_amount, -- spend of the top ones in their windows
    case when s.units > 0 then ((2000000 * s.top_units + s.units) // (2 * s.units)) * 0.000001 end::decimal(7, 6)
        as spend_share, -- metric top_spend_share
    c.claimed_share -- share that others claim; null where they claim none
from summed as s
left join run.claims as c on c.metric = 'top_spend_share' and s.top_percent = 20
