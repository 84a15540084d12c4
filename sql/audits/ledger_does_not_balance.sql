-- grain: one row a file and extract
-- owner: data-engineering
-- severity: error
-- Every line of a file is a header, a trailer, blank, accepted, rejected or a duplicate.
select
    file_id, -- delivery
    extract, -- table
    file_name -- file
from intake.files
where status = 'accepted' and records <> header + trailer + blank + accepted + rejected + duplicate
