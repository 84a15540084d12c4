-- grain: one row a month, tier before it and tier at its end
-- owner: customer-value
-- From which tier to which customers came in a month; of those whose tier is other than before, what made the last change. Up to 24 months;
-- the running one up to the as-of date.
with spans as (
    -- What stood at the end of a month: from the month it began in until before the month it ended in.
    select
        customer_id,
        tier,
        tier_flag,
        tier_cause,
        strftime(valid_from, '%Y-%m') as from_month,
        strftime(valid_to, '%Y-%m') as to_month
    from marts.tier_history
    where strftime(valid_from, '%Y-%m') is distinct from strftime(valid_to, '%Y-%m')
),

linked as (
    select
        *,
        lag(to_month) over (partition by customer_id order by from_month) as earlier_to_month,
        lag(tier) over (partition by customer_id order by from_month) as earlier_tier,
        lag(tier_flag) over (partition by customer_id order by from_month) as earlier_flag,
        lead(from_month) over (partition by customer_id order by from_month) as later_from_month
    from spans
),

moves as (
    select
        from_month as month,
        case when earlier_to_month = from_month then earlier_tier end as tier_before,
        case when earlier_to_month = from_month then earlier_flag end as tier_flag_before,
        tier as tier_after,
        tier_flag as tier_flag_after,
        tier_cause,
        1 as customers
    from linked
    union all
    select to_month, tier, tier_flag, null, null, null, 1
    from linked
    where to_month is not null and later_from_month is distinct from to_month
    union all
    -- Counted before they are spread over the months in which nothing happened to them.
    select m.month, s.tier, s.tier_flag, s.tier, s.tier_flag, null, s.customers
    from run.history_months as m
    join (
        select tier, tier_flag, from_month, to_month, count(*) as customers
        from spans
        group by tier, tier_flag, from_month, to_month
    ) as s on s.from_month < m.month and coalesce(s.to_month > m.month, true)
),

causes as (
    select v.*, case when v.tier_after is distinct from v.tier_before then v.tier_cause end as cause
    from moves as v
    join run.history_months as m on m.month = v.month
)

select
    month, -- month, YYYY-MM
    tier_before, -- tier at the end of the month before; null: not there
    tier_after, -- tier at the end of the month; null: gone
    tier_flag_before, -- level of the tier before, 1 is best
    tier_flag_after, -- level of the tier after, 1 is best
    sum(customers)::bigint as customers, -- customers of this move
    sum(case when cause = 'first_rating' then customers else 0 end)::bigint
        as first_rated, -- of them new, or back after a time without a line
    sum(case when cause = 'promoted' then customers else 0 end)::bigint as promoted, -- of them because the score reached a better tier
    sum(case when cause = 'demoted' then customers else 0 end)::bigint
        as demoted, -- of them because the score lay below the tier for long enough
    sum(case when cause = 'rerated' then customers else 0 end)::bigint as rerated, -- of them because the rating had ended
    sum(case when cause = 'adopted' then customers else 0 end)::bigint as adopted, -- of them because another policy or segment decides
    sum(
        case when cause not in ('first_rating', 'promoted', 'demoted', 'rerated', 'adopted') then customers else 0 end
    )::bigint as own_reason -- of them by a list, an override or a provisional tier, begun or ended
from causes
group by month, tier_before, tier_after, tier_flag_before, tier_flag_after
