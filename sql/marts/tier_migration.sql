-- grain: one row a month, tier before it and tier at its end
-- owner: customer-value
-- From which tier to which customers came in a month; of those whose tier is other than before, what made the last change. Up to 24 months;
-- the running one up to the as-of date.
with tier_before as (
    select m.month, h.customer_id, h.tier, h.tier_flag
    from run.history_months as m
    join marts.tier_history as h on h.valid_from <= m.before_date and coalesce(h.valid_to > m.before_date, true)
),

tier_after as (
    select m.month, h.customer_id, h.tier, h.tier_flag, h.tier_cause
    from run.history_months as m
    join marts.tier_history as h on h.valid_from <= m.end_date and coalesce(h.valid_to > m.end_date, true)
),

customers as (
    select
        coalesce(a.month, b.month) as month,
        b.tier as tier_before,
        b.tier_flag as tier_flag_before,
        a.tier as tier_after,
        a.tier_flag as tier_flag_after,
        case when a.tier is distinct from b.tier then a.tier_cause end as cause
    from tier_before as b
    full join tier_after as a on a.month = b.month and a.customer_id = b.customer_id
)

select
    month, -- month, YYYY-MM
    tier_before, -- tier at the end of the month before; null: not there
    tier_after, -- tier at the end of the month; null: gone
    tier_flag_before, -- level of the tier before, 1 is best
    tier_flag_after, -- level of the tier after, 1 is best
    count(*) as customers, -- customers of this move
    sum(case when cause = 'first_rating' then 1 else 0 end)::bigint as first_rated, -- of them new, or back after a time without a line
    sum(case when cause = 'promoted' then 1 else 0 end)::bigint as promoted, -- of them because the score reached a better tier
    sum(case when cause = 'demoted' then 1 else 0 end)::bigint as demoted, -- of them because the score lay below the tier for long enough
    sum(case when cause = 'rerated' then 1 else 0 end)::bigint as rerated, -- of them because the rating had ended
    sum(case when cause = 'adopted' then 1 else 0 end)::bigint as adopted, -- of them because another policy or segment decides
    sum(
        case when cause not in ('first_rating', 'promoted', 'demoted', 'rerated', 'adopted') then 1 else 0 end
    )::bigint as own_reason -- of them by a list, an override or a provisional tier, begun or ended
from customers
group by month, tier_before, tier_after, tier_flag_before, tier_flag_after
