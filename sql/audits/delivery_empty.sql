-- grain: one row a source and extract whose newest delivery holds nothing
-- owner: data-engineering
-- severity: gate
-- The newest delivery of an extract has no usable record, though an earlier one had: ask the sender what happened.
with deliveries as (
    select
        source,
        extract,
        known_at,
        -- Without a known time each file is a delivery of its own.
        case when known_at is null then file_id end as undated_file,
        max(file_id) as last_file,
        sum(accepted + duplicate) as records
    from intake.files
    where status = 'accepted' and (known_at is null or known_at < $known_before)
    group by source, extract, known_at, case when known_at is null then file_id end
),

ranked as (
    select
        source,
        extract,
        known_at,
        records,
        row_number() over (partition by source, extract order by known_at desc nulls last, last_file desc) as recency,
        max(records) over (partition by source, extract) as most_records
    from deliveries
)

select
    source, -- folder in landing/
    extract, -- table that it feeds
    known_at, -- when the empty delivery was known, UTC
    most_records::bigint as most_records -- usable records of the largest delivery
from ranked
where recency = 1 and records = 0 and most_records > 0
