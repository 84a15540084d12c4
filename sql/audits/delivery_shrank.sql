-- grain: one row a source and extract whose newest delivery is far smaller than usual
-- owner: data-engineering
-- severity: gate
-- The newest snapshot, or the newest day of call detail records, fell by the share max_volume_drop or more against the
-- median of up to seven deliveries before it: part of it may be missing.
with deliveries as (
    -- A day's files of call detail records belong together; a snapshot is what was known at one instant.
    select
        f.source,
        f.extract,
        case when f.extract = 'cdr' then d.starts_at else f.known_at end as delivered_at,
        sum(f.accepted + f.duplicate) as records
    from intake.files as f
    join run.delivery_days as d on f.known_at >= d.starts_at and f.known_at < d.ends_at
    where f.status = 'accepted' and f.known_at < $known_before
        and f.extract in ('cdr', 'customers', 'service_lists', 'subscriptions')
    group by f.source, f.extract, case when f.extract = 'cdr' then d.starts_at else f.known_at end
),

ranked as (
    select *, row_number() over (partition by source, extract order by delivered_at desc) as recency
    from deliveries
),

compared as (
    select n.source, n.extract, n.delivered_at, n.records, median(e.records)::bigint as usual_records
    from ranked as n
    join ranked as e on e.source = n.source and e.extract = n.extract and e.recency between 2 and 8
    where n.recency = 1
    group by n.source, n.extract, n.delivered_at, n.records
)

select
    source, -- folder in landing/
    extract, -- table that it feeds
    delivered_at, -- newest delivery, UTC
    records::bigint as records, -- usable records in it
    usual_records, -- median of the deliveries before
    $max_volume_drop as bound -- share by which it may not fall
from compared
where usual_records >= $gate_min_records and records <= (1 - $max_volume_drop) * usual_records
