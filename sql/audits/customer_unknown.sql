-- grain: one row a customer who is not in the customers extract, and place where he was found
-- owner: crm
-- severity: warn
-- Customers who hold a line, are on a list or have an override, and whom the customers extract does not have: type, group,
-- consent and language are unknown.
with found as (
    select customer_id, 'subscriptions' as found_in
    from features.subscriptions
    where in_service
    union all
    select customer_id, 'service_lists' as found_in
    from features.service_lists
    union all
    select customer_id, 'tier_overrides' as found_in
    from features.tier_overrides
)

select distinct
    f.customer_id, -- customer
    f.found_in -- where
from found as f
left join features.customers_known as c on c.customer_id = f.customer_id
where c.customer_id is null
