-- grain: one row a subscription, as of one date
-- owner: crm
-- The lines and who holds them: what joins usage to customers.
select
    subscription_id, -- line
    customer_id, -- who holds it
    account_id, -- account that pays for it
    brand, -- brand of the tariff
    plan_id, -- tariff plan
    payment_type, -- postpaid or prepaid
    activation_date, -- first activation on this network
    contract_end_date, -- end of the commitment
    status, -- active, suspended or ceased
    in_service, -- active or suspended at the end of the day
    ported_in_from, -- operator it came from
    $as_of_date::date as as_of_date -- the day described
from features.subscriptions
