-- grain: one row a file and extract
-- owner: data-engineering
-- The intake ledger: what every line of every delivered file became. records = header + trailer + blank + accepted + rejected + duplicate.
select
    file_id, -- number of the delivery in this warehouse
    source, -- folder in landing/
    extract, -- table that it fed
    file_name, -- file, relative to landing/
    sha256, -- digest of the file as delivered
    bytes, -- size as delivered
    records, -- lines (CSV) or rows (Parquet)
    header, -- header lines
    trailer, -- trailer lines
    blank, -- blank lines
    accepted, -- rows in the warehouse
    rejected, -- refused records, in rejects
    duplicate, -- records that were there already
    nulled, -- unusable optional values that were set to null
    known_at, -- when the operator knew it, UTC; null: each row by its business date
    status, -- accepted or refused as a whole
    reason, -- why refused
    contract_version -- version of the contract applied
from intake.files
