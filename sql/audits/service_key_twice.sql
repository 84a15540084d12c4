-- grain: one row a line that shares its service key with another line in service
-- owner: customer-value
-- severity: error
-- Routing looks up one row a key. Two lines in service with one key can't both be published: end one of them in the CRM, or
-- choose another service_key_type.
select
    subscription_id, -- line
    customer_id -- customer
from (
    select subscription_id, customer_id, count(*) over (partition by service_key) as lines
    from scores.subscription
) as keyed
where lines > 1
