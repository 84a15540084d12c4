-- grain: one row a customer whom the operator contacted in the last 90 days
-- owner: call-centre
-- When the operator last contacted a customer. A contact belongs to who held the number when it was offered; where accounts are looked up
-- (utilities), to who pays the account that it names.
with outgoing as (
    select c.contact_id, c.contact_address, c.offered_at, c.contact_date
    from staging.contacts as c
    where c.direction = 'outgoing' and c.contact_date between $complaints_from and $as_of_date and c.known_at < $known_before
),

attributed as (
    -- A holding of a number is one interval of its line.
    select c.contact_date, v.customer_id
    from outgoing as c
    join features.number_holdings as h
        on h.msisdn = c.contact_address and h.held_from <= c.offered_at and coalesce(c.offered_at < h.held_to, true)
    join features.subscription_versions as v on v.subscription_id = h.subscription_id and v.valid_from = h.held_from
    where $service_key_type <> 'account'
    union all
    select c.contact_date, o.customer_id
    from outgoing as c
    join features.account_owners as o on o.account_id = c.contact_address
    where $service_key_type = 'account'
)

select
    customer_id, -- customer
    max(contact_date) as last_contacted_date -- last contact by the operator in the last 90 days
from attributed
group by customer_id
