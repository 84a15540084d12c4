-- grain: one row a subscription in service with a service key, as of one date
-- owner: customer-value
-- What a routing system reads at a call: the customer's value, repeated for each of the customer's lines in service.
with lines as (
    select
        *,
        row_number() over (partition by msisdn order by state_since desc, subscription_id desc) as position_on_number
    from features.subscriptions
    where in_service
),

keyed as (
    select
        -- A number is the key of one line in service: where two have it, of the one that got it later.
        case
            when $service_key_type = 'account' then account_id
            when $service_key_type = 'subscription' then subscription_id
            when position_on_number = 1 then msisdn
        end as service_key,
        subscription_id,
        customer_id,
        account_id,
        brand
    from lines
)

select
    k.service_key, -- what a caller is looked up by
    k.customer_id, -- customer
    k.account_id, -- account
    k.subscription_id, -- line
    s.tier, -- value tier after service lists
    s.tier_flag, -- its level, 1 is best
    s.tier_since, -- first night of this tier
    s.tier_cause, -- what made it so
    s.value_tier, -- tier before lists
    s.value_score, -- sum of the parts
    s.arpu_part, -- part of the score
    s.spend_part, -- part of the score
    s.tenure_part, -- part of the score
    s.credit_part, -- part of the score
    s.mou_part, -- part of the score
    s.spend_grade, -- grade by spend alone
    s.provisional_until, -- day on which a provisional tier ends
    s.lifecycle_stage, -- lifecycle stage
    s.stage_since, -- first night of this stage
    s.stage_cause, -- what made it so
    s.churn_risk, -- probability of leaving
    s.churn_risk_band, -- band of it
    s.churn_drivers, -- what raises it most
    s.service_list, -- red, black or none
    s.is_vip, -- on the VIP list
    s.account_manager_id, -- manager to route to
    k.brand, -- brand of the line
    c.language, -- language to be served in
    s.retention_play, -- what to do for the customer
    s.usage_hints, -- plans to mention
    s.reasons, -- reason codes
    s.lifted_by, -- what would lift the tier
    s.changes, -- what changed since last month
    s.as_of_date, -- day described
    s.policy_version, -- policy
    s.model_version -- churn model
from keyed as k
join scores.customer as s on s.customer_id = k.customer_id
left join features.customers_known as c on c.customer_id = k.customer_id
where k.service_key is not null
