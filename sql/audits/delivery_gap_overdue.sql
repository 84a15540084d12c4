-- grain: one row a missing range of file numbers that is overdue
-- owner: data-engineering
-- severity: gate
-- A numbered file has been missing for longer than gap_blocks_after_hours: have it delivered, or what is published lacks its records.
select
    source, -- folder in landing/
    stream, -- stream of numbers
    first_missing, -- first number
    last_missing, -- last number
    missing_since -- since when, UTC
from features.delivery_gaps
where is_overdue
