-- grain: one row a subscription
-- owner: crm
-- State of a line at the end of the as-of date. In service means active or suspended.
with stops as (
    -- A new owner of the line does not inherit the old one's stops.
    select subscription_id, customer_id, count(*)::integer as arrears_stops
    from features.subscription_versions
    where begins_arrears_stop and valid_from >= $stops_from and valid_from < $as_of_end
    group by subscription_id, customer_id
)

select
    v.subscription_id, -- line
    v.customer_id, -- who holds it
    v.account_id, -- account that pays for it
    v.msisdn, -- number held
    v.brand, -- brand of the tariff
    v.plan_id, -- tariff plan
    v.payment_type, -- postpaid or prepaid
    v.activation_date, -- first activation on this network
    v.contract_end_date, -- end of the commitment
    v.status, -- active, suspended or ceased
    v.ported_in_from, -- operator it came from
    v.valid_from as state_since, -- start of the interval that describes it, UTC
    -- valid_to beyond the as-of date is not yet an end; an activation to come is not yet a line.
    v.status <> 'ceased' and coalesce(v.valid_to >= $as_of_end, true) and v.activation_date <= $as_of_date
        as in_service, -- active or suspended at the end of the day
    coalesce(s.arrears_stops, 0) as arrears_stops -- stops for arrears begun in the last 12 months
from features.subscription_versions as v
left join stops as s on s.subscription_id = v.subscription_id and s.customer_id = v.customer_id
where v.valid_from < $as_of_end and coalesce(v.next_from >= $as_of_end, true)
