-- grain: one row a line whose claim to a number was cut short by another line's
-- owner: crm
-- severity: warn
-- Two lines claim one number at the same time. The later start holds it: usage and the number's published row are that line's. The CRM
-- should end the claim that is wrong.
with claims as (
    select
        subscription_id,
        valid_to,
        lead(subscription_id) over (partition by msisdn order by valid_from, subscription_id) as next_subscription_id,
        lead(valid_from) over (partition by msisdn order by valid_from, subscription_id) as next_claim_from
    from features.subscription_versions
    where msisdn is not null and status <> 'ceased' and valid_from < $as_of_end
)

select
    subscription_id, -- line that lost the number
    next_subscription_id, -- line that holds it from then on
    next_claim_from -- since when, UTC
from claims
where next_subscription_id <> subscription_id and coalesce(valid_to > next_claim_from, true)
