-- grain: one row, if far fewer lines would be published than are
-- owner: data-engineering
-- severity: gate
-- The table that would be published has fewer lines than the published one, by the share max_volume_drop or more: their
-- callers would be unknown.
with candidate as (select count(*) as rows_now from scores.subscription),

published as (select coalesce(sum(rows_published), 0) as rows_published from run.published_tiers)

select
    p.rows_published::bigint as rows_published, -- lines in the current version
    c.rows_now, -- lines that would be published
    $max_volume_drop as bound -- share by which they may not fall
from candidate as c
cross join published as p
where p.rows_published >= $gate_min_records and c.rows_now <= (1 - $max_volume_drop) * p.rows_published
