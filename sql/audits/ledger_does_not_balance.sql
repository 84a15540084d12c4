-- grain: one row a file and extract
-- owner: data-engineering
-- severity: error
-- Every line of a file is a header, a trailer, blank, accepted, rejected or a duplicate, and each of these is still there, or was call
-- detail of a day that expired.
with found as (
    select 'bills' as extract, file_id, count(*) as accepted, 0 as rejected, 0 as duplicate
    from staging.bills
    group by file_id
    union all
    select 'campaign_results', file_id, count(*), 0, 0
    from staging.campaign_results
    group by file_id
    union all
    select 'cdr', file_id, count(*), 0, 0
    from staging.cdr
    -- Whoever still has rows of days that expired, as Spark may of a file with both, does not count them twice.
    where not coalesce(usage_date < (select max(detail_from) from intake.expired_days), false)
    group by file_id
    union all
    select 'cdr', d.file_id, sum(d.records)::bigint, 0, 0
    from intake.file_days as d
    join intake.expired_days as e on e.usage_date = d.usage_date
    group by d.file_id
    union all
    select 'contacts', file_id, count(*), 0, 0
    from staging.contacts
    group by file_id
    union all
    select 'customers', file_id, count(*), 0, 0
    from staging.customers
    group by file_id
    union all
    select 'payments', file_id, count(*), 0, 0
    from staging.payments
    group by file_id
    union all
    select 'service_lists', file_id, count(*), 0, 0
    from staging.service_lists
    group by file_id
    union all
    select 'subscriptions', file_id, count(*), 0, 0
    from staging.subscriptions
    group by file_id
    union all
    select 'tier_overrides', file_id, count(*), 0, 0
    from staging.tier_overrides
    group by file_id
    union all
    select extract, file_id, 0, count(*), 0
    from intake.rejects
    group by extract, file_id
    union all
    select extract, file_id, 0, 0, count(*)
    from intake.duplicates
    group by extract, file_id
),

counted as (
    select extract, file_id, sum(accepted) as accepted, sum(rejected) as rejected, sum(duplicate) as duplicate
    from found
    group by extract, file_id
),

told as (
    select *
    from intake.files
    where status = 'accepted'
)

select
    coalesce(t.file_id, c.file_id) as file_id, -- delivery
    coalesce(t.extract, c.extract) as extract, -- table
    t.file_name as file_name -- file; null: rows of a file that the ledger does not have
from told as t
full outer join counted as c on c.file_id = t.file_id and c.extract = t.extract
where t.file_id is null
    or t.records <> t.header + t.trailer + t.blank + t.accepted + t.rejected + t.duplicate
    or t.accepted <> coalesce(c.accepted, 0)
    or t.rejected <> coalesce(c.rejected, 0)
    or t.duplicate <> coalesce(c.duplicate, 0)
