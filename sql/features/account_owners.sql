-- grain: one row an account
-- owner: billing
-- The customer who pays an account: a company with a line in service on it, else the holder of its oldest line in service; without a line
-- in service the same among the lines that were.
with holders as (
    select
        s.account_id,
        s.customer_id,
        coalesce(c.customer_type, 'individual') as customer_type,
        row_number() over (
            partition by s.account_id
            order by
                case when s.in_service then 0 else 1 end,
                case when c.customer_type = 'group' then 0 else 1 end,
                s.activation_date,
                s.subscription_id
        ) as rank_on_account
    from features.subscriptions as s
    left join features.customers_known as c on c.customer_id = s.customer_id
)

select
    account_id, -- account
    customer_id, -- who pays it
    customer_type -- a company or a person
from holders
where rank_on_account = 1
