-- grain: one row a file and extract
-- owner: data-engineering
-- The intake ledger: what every line of every delivered file became. records = header + trailer + blank + accepted + rejected + duplicate.
with expired as (
    select d.file_id, sum(d.records)::bigint as records
    from intake.file_days as d
    join intake.expired_days as e on e.usage_date = d.usage_date
    group by d.file_id
)

select
    f.file_id, -- number of the delivery in this warehouse
    source, -- folder in landing/
    extract, -- table that it fed
    file_name, -- file, relative to landing/
    sha256, -- digest of the file as delivered
    bytes, -- size as delivered
    f.records, -- lines (CSV) or rows (Parquet)
    header, -- header lines
    trailer, -- trailer lines
    blank, -- blank lines
    accepted, -- records taken
    rejected, -- refused records, in rejects
    duplicate, -- records that were there already
    nulled, -- unusable optional values that were set to null
    known_at, -- when the operator knew it, UTC; null: each row by its business date
    status, -- accepted or refused as a whole
    reason, -- why refused
    contract_version, -- version of the contract applied
    coalesce(e.records, 0) as expired -- call detail among the accepted that has left the warehouse; its days stay rolled up
from intake.files as f
left join expired as e on e.file_id = f.file_id
