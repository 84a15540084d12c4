-- grain: one row a number and interval in which one subscription held it
-- owner: crm
-- Which line, and whose, held a number when. Intervals of a number never overlap: where two lines claim it at once, the later start wins
-- (audits/number_claimed_twice lists them).
with claims as (
    select
        msisdn,
        subscription_id,
        customer_id,
        valid_from,
        valid_to,
        lead(valid_from) over (partition by msisdn order by valid_from, subscription_id) as next_claim_from
    from features.subscription_versions
    where msisdn is not null and status <> 'ceased'
)

select
    msisdn, -- number, E.164
    subscription_id, -- line that held it
    customer_id, -- who held the line
    valid_from as held_from, -- from when, UTC
    least(valid_to, next_claim_from) as held_to -- until when, exclusive, UTC; null while held
from claims
where coalesce(least(valid_to, next_claim_from) > valid_from, true)
