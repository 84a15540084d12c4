-- grain: one row a month
-- owner: customer-value
-- How calm the tiers are: who kept theirs over the month, and how long customers have had it at its end. Up to 24 months; the running one
-- up to the as-of date.
with intervals as (
    select
        *,
        lag(tier) over (partition by customer_id order by valid_from) as earlier_tier,
        lag(valid_to) over (partition by customer_id order by valid_from) as earlier_to
    from marts.tier_history
),

-- Nights on which a customer's tier began; a move only where there was another the night before.
beginnings as (
    select customer_id, valid_from, coalesce(earlier_to = valid_from, false) as is_move
    from intervals
    where earlier_tier is distinct from tier or earlier_to < valid_from
),

at_end as (
    select m.month, m.before_date, m.end_date, m.year_from, h.customer_id, h.tier, h.tier_flag
    from run.history_months as m
    join marts.tier_history as h on h.valid_from <= m.end_date and coalesce(h.valid_to > m.end_date, true)
),

lately as (
    select
        e.month,
        e.customer_id,
        max(b.valid_from) as last_change,
        sum(case when b.is_move and b.valid_from >= e.year_from then 1 else 0 end) as moves
    from at_end as e
    join beginnings as b on b.customer_id = e.customer_id and b.valid_from <= e.end_date
    group by e.month, e.customer_id
),

counted as (
    select
        m.month,
        count(e.customer_id) as customers_at_end,
        count(b.customer_id) as customers,
        sum(case when e.tier = b.tier then 1 else 0 end)::bigint as kept,
        sum(case when e.tier <> b.tier and e.tier_flag < b.tier_flag then 1 else 0 end)::bigint as moved_up,
        sum(case when e.tier <> b.tier and e.tier_flag > b.tier_flag then 1 else 0 end)::bigint as moved_down,
        sum(case when l.moves > 1 then 1 else 0 end)::bigint as moved_again,
        sum(date_diff('day', l.last_change, e.end_date))::bigint as nights
    from run.history_months as m
    left join at_end as e on e.month = m.month
    left join lately as l on l.month = e.month and l.customer_id = e.customer_id
    left join marts.tier_history as b
        on b.customer_id = e.customer_id and b.valid_from <= e.before_date and coalesce(b.valid_to > e.before_date, true)
    group by m.month
)

select
    month, -- month, YYYY-MM
    customers, -- customers with a tier at the end of the month before and at its end
    kept, -- of them with the same tier at both
    case when customers > 0 then ((2000000 * kept + customers) // (2 * customers)) * 0.000001 end::decimal(7, 6)
        as kept_share, -- metric tier_kept_share
    moved_up, -- of them with a better tier at the end
    moved_down, -- of them with a worse tier at the end
    customers_at_end, -- customers with a tier at the end of the month
    moved_again, -- metric repeated_moves
    case when customers_at_end > 0 then ((20 * nights + customers_at_end) // (2 * customers_at_end)) * 0.1 end::decimal(7, 1)
        as mean_nights_since_change -- metric nights_since_change
from counted
