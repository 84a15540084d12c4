-- grain: one row a subscription and interval
-- owner: crm
-- What held, or is planned to hold, of a subscription from when to when, as known on the as-of date: the last delivery's word on each
-- interval, ended where the next one starts, and ended for good by the first delivery that no longer has the subscription or its customer.
with words as (
    select
        s.*,
        f.source,
        row_number() over (partition by s.subscription_id, s.valid_from order by s.known_at desc) as recency,
        max(s.known_at) over (partition by s.subscription_id, f.source) as last_seen_at
    from staging.subscriptions as s
    join intake.files as f on f.file_id = s.file_id and f.extract = 'subscriptions'
    where s.known_at < $known_before
),

deliveries as (
    select source, known_at
    from intake.files
    where extract = 'subscriptions' and status = 'accepted' and known_at < $known_before
    group by source, known_at
),

next_deliveries as (
    select source, known_at, lead(known_at) over (partition by source order by known_at) as next_known_at
    from deliveries
),

intervals as (
    select
        w.*,
        least(n.next_known_at, c.gone_at) as gone_at,
        lead(w.valid_from) over (partition by w.subscription_id order by w.valid_from) as next_from
    from words as w
    join next_deliveries as n on n.source = w.source and n.known_at = w.last_seen_at
    left join features.customers_known as c on c.customer_id = w.customer_id
    where w.recency = 1
),

held as (
    select *, least(valid_to, next_from, gone_at) as held_to
    from intervals
    where coalesce(least(valid_to, next_from, gone_at) > valid_from, true)
)

select
    subscription_id, -- line
    customer_id, -- who holds it
    account_id, -- account that pays for it
    msisdn, -- number held
    brand, -- brand of the tariff
    plan_id, -- tariff plan
    payment_type, -- postpaid or prepaid
    activation_date, -- first activation on this network
    contract_end_date, -- end of the commitment
    status, -- active, suspended or ceased
    status_date, -- day on which the status began
    status_reason, -- why suspended or ceased
    ported_in_from, -- operator it came from
    valid_from, -- start of the interval, UTC
    held_to as valid_to, -- end, exclusive, UTC; null while it holds
    -- What is before and after an interval is said with it, so that no night sorts all intervals for it again.
    lag(valid_from) over line is null as is_first, -- no interval of the line before it
    lead(valid_from) over line as next_from, -- start of the line's next interval, UTC; null: none
    -- A change of plan while stopped starts no second stop.
    coalesce(status = 'suspended' and status_reason = 'arrears', false)
    and not coalesce(lag(status) over line = 'suspended' and lag(status_reason) over line = 'arrears', false)
        as begins_arrears_stop -- suspended for arrears, and was not just before
from held
window line as (partition by subscription_id order by valid_from)
