-- grain: one row a tier whose share of the lines moved too far
-- owner: retention
-- severity: gate
-- A tier's share of the lines moved by more than max_tier_share_change since the current version: callers would be treated differently in
-- masses, by a change of the policy or a fault in the extracts.
with candidate as (select tier, count(*) as rows_now from scores.subscription group by tier),

tiers as (
    select coalesce(p.tier, c.tier) as tier, coalesce(p.rows_published, 0) as rows_published, coalesce(c.rows_now, 0) as rows_now
    from run.published_tiers as p
    full join candidate as c on c.tier = p.tier
),

shares as (
    select *, sum(rows_published) over () as all_published, sum(rows_now) over () as all_now
    from tiers
)

select
    tier, -- tier
    (1000 * rows_published // all_published)::integer as permille_before, -- its share in the current version, in thousandths
    (1000 * rows_now // all_now)::integer as permille_now, -- its share now, in thousandths
    $max_tier_share_change as bound -- share by which it may move
from shares
where all_published >= $gate_min_records and all_now > 0
    and abs(rows_now * all_published - rows_published * all_now) > $max_tier_share_change * all_published * all_now
