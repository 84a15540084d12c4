-- grain: one row a customer who is on a list on the as-of date
-- owner: crm
-- Lists that hold on the as-of date, by the last delivery known then; an entry missing from it no longer holds.
with words as (
    select
        e.*,
        f.source,
        row_number() over (partition by e.customer_id, e.list, e.valid_from order by e.known_at desc) as recency
    from staging.service_lists as e
    join intake.files as f on f.file_id = e.file_id and f.extract = 'service_lists'
    where e.known_at < $known_before
),

last_delivery as (
    select source, max(known_at) as known_at
    from intake.files
    where extract = 'service_lists' and status = 'accepted' and known_at < $known_before
    group by source
),

valid as (
    select
        w.*,
        row_number() over (partition by w.customer_id, w.list order by w.valid_from desc) as latest
    from words as w
    join last_delivery as l on l.source = w.source and l.known_at = w.known_at
    where w.recency = 1 and w.valid_from <= $as_of_date and coalesce(w.valid_to > $as_of_date, true)
),

listed as (
    select
        v.customer_id,
        -- Listed red and black at once: the policy's precedence decides.
        case when min(case when p.list in ('red', 'black') then p.position end) = min(case when p.list = 'red' then p.position end)
            then 'red'
            when max(case when p.list = 'black' then 1 else 0 end) = 1 then 'black'
        end as service_list,
        max(case when v.list = 'red' then v.valid_from end) as red_from,
        max(case when v.list = 'red' then v.valid_to end) as red_to,
        max(case when v.list = 'black' then v.valid_from end) as black_from,
        max(case when v.list = 'black' then v.valid_to end) as black_to,
        max(case when v.list = 'vip' then 1 else 0 end) = 1 as is_vip,
        max(case when v.list = 'vip' then v.account_manager_id end) as vip_account_manager_id,
        max(case when v.list = 'vip' then v.valid_from end) as vip_valid_from,
        max(case when v.list = 'vip' then v.valid_to end) as vip_valid_to
    from valid as v
    join run.list_precedence as p on p.list = v.list
    where v.latest = 1
    group by v.customer_id
)

select
    customer_id, -- customer
    service_list, -- red, black or null
    case when service_list = 'red' then red_from else black_from end as list_valid_from, -- first day on that list
    case when service_list = 'red' then red_to else black_to end as list_valid_to, -- first day off it; null while open
    is_vip, -- on the VIP list
    vip_account_manager_id, -- manager named there
    vip_valid_from, -- first day on the VIP list
    vip_valid_to -- first day off it; null while open
from listed
