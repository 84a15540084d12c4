-- grain: one row a customer about whose tier an operator's decision holds on the as-of date
-- owner: crm
-- Decisions that hold on the as-of date, by the last delivery known then; one missing from it no longer holds. Of several
-- the latest start counts.
with words as (
    select
        e.*,
        f.source,
        row_number() over (partition by e.customer_id, e.valid_from order by e.known_at desc, f.source) as recency
    from staging.tier_overrides as e
    join intake.files as f on f.file_id = e.file_id and f.extract = 'tier_overrides'
    where e.known_at < $known_before
),

last_delivery as (
    select source, max(known_at) as known_at
    from intake.files
    where extract = 'tier_overrides' and status = 'accepted' and known_at < $known_before
    group by source
),

valid as (
    select w.*, row_number() over (partition by w.customer_id order by w.valid_from desc) as latest
    from words as w
    join last_delivery as l on l.source = w.source and l.known_at = w.known_at
    where w.recency = 1 and w.valid_from <= $as_of_date and coalesce(w.valid_to > $as_of_date, true)
)

select
    v.customer_id, -- customer
    v.tier as override_tier, -- tier that holds instead of the computed one
    v.valid_from, -- first day of validity
    v.valid_to -- first day on which it holds no more; null while open
from valid as v
where v.latest = 1
