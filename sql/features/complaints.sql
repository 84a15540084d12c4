-- grain: one row a customer who complained in the last 90 days
-- owner: call-centre
-- How often a customer complained: contacts whose reason begins as a complaint's does. A contact belongs to who held the number
-- when it was offered; where accounts are looked up (utilities), to who pays the account that it names.
with complaints as (
    select c.contact_id, c.contact_address, c.offered_at
    from staging.contacts as c
    where
        c.contact_date between $complaints_from and $as_of_date and c.known_at < $known_before
        -- Once, however many of the beginnings fit.
        and exists (select 1 from run.complaint_reasons as r where starts_with(c.reason_code, r.prefix))
),

attributed as (
    -- A holding of a number is one interval of its line.
    select c.contact_id, v.customer_id
    from complaints as c
    join features.number_holdings as h
        on h.msisdn = c.contact_address and h.held_from <= c.offered_at and coalesce(c.offered_at < h.held_to, true)
    join features.subscription_versions as v on v.subscription_id = h.subscription_id and v.valid_from = h.held_from
    where $service_key_type <> 'account'
    union all
    select c.contact_id, o.customer_id
    from complaints as c
    join features.account_owners as o on o.account_id = c.contact_address
    where $service_key_type = 'account'
)

select
    customer_id, -- customer
    count(*)::integer as complaints -- contacts with a complaint in the last 90 days
from attributed
group by customer_id
