-- grain: one row a line whose claim to a number was cut short by another line's
-- owner: crm
-- severity: warn
-- Two lines claim one number at the same time. The later start holds it: usage and the number's published row are that line's. The CRM
-- should end the claim that is wrong.
with held as (
    select msisdn, subscription_id, valid_from, valid_to
    from features.subscription_versions
    where msisdn is not null and status <> 'ceased' and valid_from < $as_of_end
),

passed_on as (
    -- Few numbers were ever held by two lines, and theirs alone are put in order.
    select msisdn
    from held
    group by msisdn
    having min(subscription_id) <> max(subscription_id)
),

claims as (
    select
        h.subscription_id,
        h.valid_to,
        lead(h.subscription_id) over (partition by h.msisdn order by h.valid_from, h.subscription_id) as next_subscription_id,
        lead(h.valid_from) over (partition by h.msisdn order by h.valid_from, h.subscription_id) as next_claim_from
    from held as h
    join passed_on as p on p.msisdn = h.msisdn
)

select
    subscription_id, -- line that lost the number
    next_subscription_id, -- line that holds it from then on
    next_claim_from -- since when, UTC
from claims
where next_subscription_id <> subscription_id and coalesce(valid_to > next_claim_from, true)
