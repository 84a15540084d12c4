-- grain: one row a customer
-- owner: crm
-- What the CRM said of the customer in the last delivery known on the as-of date that has the customer. One who is missing from a later
-- delivery of the same source is gone since then.
with deliveries as (
    select source, known_at, lead(known_at) over (partition by source order by known_at) as next_known_at
    from (
        select source, known_at
        from intake.files
        where extract = 'customers' and status = 'accepted' and known_at < $known_before
        group by source, known_at
    ) as distinct_deliveries
),

words as (
    select
        c.*,
        f.source,
        row_number() over (partition by c.customer_id order by c.known_at desc) as recency
    from staging.customers as c
    join intake.files as f on f.file_id = c.file_id and f.extract = 'customers'
    where c.known_at < $known_before
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
    w.identity_verified, -- registered under the real name
    w.previous_operator, -- operator left for us with a new number, as the customer says
    w.known_at, -- delivery that said so
    d.next_known_at as gone_at -- first delivery without the customer, UTC; null: still there
from words as w
join deliveries as d on d.source = w.source and d.known_at = w.known_at
where w.recency = 1
