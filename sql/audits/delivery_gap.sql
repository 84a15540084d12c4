-- grain: one row a missing range of file numbers that may still come
-- owner: data-engineering
-- severity: warn
-- A numbered file did not come, and a later one did: ask the sender. After gap_blocks_after_hours it stops publication.
select
    source, -- folder in landing/
    stream, -- stream of numbers
    first_missing, -- first number
    last_missing, -- last number
    missing_since -- since when, UTC
from features.delivery_gaps
where not is_overdue
