-- grain: one row a rejected record
-- owner: data-engineering
-- Refused records with file, line and reason. Numbers and addresses in the raw line are masked here; the warehouse keeps them whole.
select
    file_id, -- delivery, as in intake_files
    extract, -- table that it would have fed
    file_name, -- file, relative to landing/
    line_number, -- line in the file, the header is line 1
    column_name, -- column that failed
    reason, -- reason code
    detail, -- what is wrong, and the cure
    regexp_replace(
        regexp_replace(raw, '[^ ,;|]+@[^ ,;|]+', '***@***', 'g'), '[0-9０-９]{4,}', '****', 'g'
    ) as masked_record -- the line, numbers and addresses masked
from intake.rejects
