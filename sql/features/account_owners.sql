-- grain: one row an account
-- owner: billing
-- The customer who pays an account: a company with a line in service on it, else the holder of its oldest line in service; without a line
-- in service the same among the lines that were on it.
with accounts as (
    select account_id, min(customer_id) as customer_id, max(customer_id) as last_customer_id
    from features.subscription_versions
    where valid_from < $as_of_end
    group by account_id
),

lines as (
    -- Nearly all accounts have had lines of one customer only: who pays is to be decided for the others.
    select
        v.account_id,
        v.subscription_id,
        v.customer_id,
        v.activation_date,
        row_number() over (partition by v.account_id, v.subscription_id order by v.valid_from desc) as recency
    from features.subscription_versions as v
    join accounts as a on a.account_id = v.account_id and a.customer_id <> a.last_customer_id
    where v.valid_from < $as_of_end
),

holders as (
    select
        l.account_id,
        l.customer_id,
        row_number() over (
            partition by l.account_id
            order by
                case when s.in_service then 0 else 1 end,
                case when c.customer_type = 'group' then 0 else 1 end,
                l.activation_date,
                l.subscription_id
        ) as rank_on_account
    from lines as l
    left join features.subscriptions as s
        on s.subscription_id = l.subscription_id and s.account_id = l.account_id and s.customer_id = l.customer_id
    left join features.customers_known as c on c.customer_id = l.customer_id
    where l.recency = 1
),

payers as (
    select account_id, customer_id
    from accounts
    where customer_id = last_customer_id
    union all
    select account_id, customer_id
    from holders
    where rank_on_account = 1
)

select
    p.account_id, -- account
    p.customer_id, -- who pays it
    coalesce(c.customer_type, 'individual') as customer_type -- a company or a person
from payers as p
left join features.customers_known as c on c.customer_id = p.customer_id
