-- grain: one row a customer whose override names a tier that the policy does not have
-- owner: customer-value
-- severity: warn
-- Such an override decides nothing, the computed tier holds: correct the name in the next delivery of tier_overrides.
select
    o.customer_id, -- customer
    o.override_tier, -- tier named
    o.valid_from -- first day of validity
from features.tier_overrides as o
left join run.tier_names as n on n.tier = o.override_tier
where n.tier is null
