-- grain: one row a missing range of file numbers
-- owner: data-engineering
-- Files that a sender numbered and that never came, as of the night. Numbers run by source and stream and begin anew behind
-- the last one; before the first file that was ever taken nothing is missing, and a late file closes its gap.
with files as (
    select
        source,
        stream,
        sequence_position,
        min(sequence) as sequence,
        min(sequence_first) as sequence_first,
        min(sequence_last) as sequence_last,
        max(coalesce(known_at, known_until)) as known_from
    from intake.files
    where status = 'accepted' and sequence is not null and coalesce(coalesce(known_at, known_until) < $known_before, true)
    group by source, stream, sequence_position
),

neighbours as (
    select
        *,
        lag(sequence) over (partition by source, stream order by sequence_position) as sequence_before,
        lag(sequence_position) over (partition by source, stream order by sequence_position) as position_before,
        -- a late file amid a gap does not make what is still missing any younger
        min(known_from) over (
            partition by source, stream order by sequence_position rows between current row and unbounded following
        ) as missing_since
    from files
)

select
    source, -- folder in landing/
    stream, -- sender, recipient or switch, where its numbers run by themselves
    case when sequence_before = sequence_last then sequence_first else sequence_before + 1 end as first_missing, -- first number
    case when sequence = sequence_first then sequence_last else sequence - 1 end as last_missing, -- last number, included
    sequence_position - position_before - 1 as missing_files, -- how many files
    missing_since, -- when the first file behind the gap was known, UTC; null: unknown
    coalesce(missing_since < $gap_overdue_before, true) as is_overdue -- whether the wait for them is over
from neighbours
where sequence_position - position_before > 1
