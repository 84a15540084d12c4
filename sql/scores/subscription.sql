-- grain: one row a subscription in service with a service key, as of one date
-- owner: customer-value
-- What a routing system reads at a call: the customer's value, repeated for each of the customer's lines in service.
with keyed as (
    select
        -- A number is the key of the line that holds it: where two lines claim it, of the later one.
        case
            when $service_key_type = 'msisdn' then h.msisdn
            when $service_key_type = 'account' then s.account_id
            else s.subscription_id
        end as service_key,
        s.subscription_id,
        s.customer_id,
        s.account_id,
        s.brand
    from features.subscriptions as s
    left join features.number_holdings as h
        on h.subscription_id = s.subscription_id and h.msisdn = s.msisdn and coalesce(h.held_to >= $as_of_end, true)
    where s.in_service
)

select
    k.service_key, -- what a caller is looked up by
    k.customer_id, -- customer
    k.account_id, -- account
    k.subscription_id, -- line
    s.tier, -- value tier after service lists
    s.tier_flag, -- its level, 1 is best
    s.value_score, -- 0-100
    s.arpu_part, -- part of the score
    s.tenure_part, -- part of the score
    s.credit_part, -- part of the score
    s.lifecycle_stage, -- lifecycle stage
    s.churn_risk, -- probability of leaving
    s.churn_risk_band, -- band of it
    s.service_list, -- red, black or none
    s.is_vip, -- on the VIP list
    s.account_manager_id, -- manager to route to
    k.brand, -- brand of the line
    c.language, -- language to be served in
    s.reasons, -- reason codes
    s.as_of_date, -- day described
    s.policy_version, -- policy
    s.model_version -- churn model
from keyed as k
join scores.customer as s on s.customer_id = k.customer_id
left join features.customers_known as c on c.customer_id = k.customer_id
where k.service_key is not null
