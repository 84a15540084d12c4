-- grain: one row a customer
-- owner: crm
-- What the CRM said of the customer in the last delivery known on the as-of date. A customer missing from that delivery is gone.
with last_delivery as (
    select source, max(known_at) as known_at
    from intake.files
    where extract = 'customers' and status = 'accepted' and known_at < $as_of_end
    group by source
),

words as (
    select
        c.*,
        f.source,
        row_number() over (partition by c.customer_id order by c.known_at desc) as recency
    from staging.customers as c
    join intake.files as f on f.file_id = c.file_id and f.extract = 'customers'
    where c.known_at < $as_of_end
)

select
    w.customer_id, -- customer
    w.customer_type, -- individual or group
    w.group_id, -- company that the customer is a member of
    w.account_manager_id, -- account manager in the CRM
    w.region, -- region
    w.language, -- language to be served in
    w.credit_score, -- the operator's own score, 0-100
    w.contact_consent, -- agreed to be contacted with offers
    w.birth_year, -- for audits only
    w.gender, -- for audits only
    w.known_at, -- delivery that said so
    w.known_at < l.known_at as is_gone -- missing from the source's last delivery
from words as w
join last_delivery as l on l.source = w.source
where w.recency = 1
