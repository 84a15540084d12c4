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

-- The night on which the tier began; it is a move only where there was another the night before.
changes as (
    select
        *,
        case when earlier_tier is distinct from tier or earlier_to < valid_from then valid_from end as change_date,
        case when earlier_tier <> tier and earlier_to = valid_from then valid_from end as move_date
    from intervals
),

moves as (
    select
        *,
        max(change_date) over (partition by customer_id order by valid_from) as last_change,
        max(move_date) over (partition by customer_id order by valid_from rows between unbounded preceding and 1 preceding)
            as earlier_move
    from changes
),

latest as (
    select
        strftime(valid_from, '%Y-%m') as from_month,
        strftime(valid_to, '%Y-%m') as to_month,
        last_change,
        max(case when move_date is not null then earlier_move end) over (partition by customer_id order by valid_from)
            as last_move_but_one
    from moves
),

-- Counted before they are spread over the months at whose ends they stood.
spans as (
    select
        from_month,
        to_month,
        last_move_but_one,
        count(*) as customers,
        sum(date_diff('day', date '1970-01-01', last_change)) as change_days
    from latest
    where from_month is distinct from to_month
    group by from_month, to_month, last_move_but_one
),

at_end as (
    select
        m.month,
        coalesce(sum(s.customers), 0)::bigint as customers,
        coalesce(sum(case when s.last_move_but_one >= m.year_from then s.customers else 0 end), 0)::bigint as moved_again,
        sum(s.customers * date_diff('day', date '1970-01-01', m.end_date) - s.change_days)::bigint as nights
    from run.history_months as m
    left join spans as s on s.from_month <= m.month and coalesce(s.to_month > m.month, true)
    group by m.month
),

at_both_ends as (
    select
        m.month,
        coalesce(sum(t.customers), 0)::bigint as customers,
        coalesce(sum(case when t.tier_after = t.tier_before then t.customers else 0 end), 0)::bigint as kept,
        coalesce(
            sum(case when t.tier_after <> t.tier_before and t.tier_flag_after < t.tier_flag_before then t.customers else 0 end), 0
        )::bigint as moved_up,
        coalesce(
            sum(case when t.tier_after <> t.tier_before and t.tier_flag_after > t.tier_flag_before then t.customers else 0 end), 0
        )::bigint as moved_down
    from run.history_months as m
    left join marts.tier_migration as t on t.month = m.month and t.tier_before is not null and t.tier_after is not null
    group by m.month
)

select
    b.month, -- month, YYYY-MM
    b.customers, -- customers with a tier at the end of the month before and at its end
    b.kept, -- of them with the same tier at both
    case when b.customers > 0 then ((2000000 * b.kept + b.customers) // (2 * b.customers)) * 0.000001 end::decimal(7, 6)
        as kept_share, -- metric tier_kept_share
    b.moved_up, -- of them with a better tier at the end
    b.moved_down, -- of them with a worse tier at the end
    e.customers as customers_at_end, -- customers with a tier at the end of the month
    e.moved_again, -- metric repeated_moves
    case when e.customers > 0 then ((20 * e.nights + e.customers) // (2 * e.customers)) * 0.1 end::decimal(7, 1)
        as mean_nights_since_change -- metric nights_since_change
from at_both_ends as b
join at_end as e on e.month = b.month
