-- grain: one row a customer who is not in the customers extract, and place where he was found
-- owner: crm
-- severity: warn
-- Customers who hold a line, are on a list or have an override, and whom the customers extract does not have: type, group,
-- consent and language are unknown.
select
    m.customer_id, -- customer
    m.found_in -- where
from (
    select customer_id, 'subscriptions' as found_in
    from features.subscriptions
    where in_service
    union
    select customer_id, 'service_lists' as found_in
    from features.service_lists
    union
    select customer_id, 'tier_overrides' as found_in
    from features.tier_overrides
) as m
left join features.customers_known as c on c.customer_id = m.customer_id
where c.customer_id is null
