-- grain: one row a rejected record
-- owner: data-engineering
-- Refused records with file, line and reason. Every digit, and every field that holds a mail address, is masked here; the warehouse keeps
-- the line whole.
select
    file_id, -- delivery, as in intake_files
    extract, -- table that it would have fed
    file_name, -- file, relative to landing/
    line_number, -- line in the file, the header is line 1
    column_name, -- column that failed
    reason, -- reason code
    detail, -- what is wrong, and the cure
    regexp_replace(
        regexp_replace(raw, '[^,;|]*[@＠﹫][^,;|]*', '***@***', 'g'), '\p{N}', '*', 'g'
    ) as masked_record -- the line, digits and mail addresses masked
from intake.rejects
