-- grain: one row a customer who holds a line, or was the last to hold one, as of one date
-- owner: customer-value
-- The current customers with what they are worth and why; those without a line in service have no score.
select
    f.customer_id, -- customer
    f.customer_type, -- individual or group
    f.group_id, -- company that the customer is a member of
    f.brand, -- brand of the oldest line in service
    f.payment_type, -- postpaid, prepaid or mixed, of the lines in service
    f.region, -- region
    f.language, -- language to be served in
    f.lines_in_service, -- active or suspended lines
    f.lines_suspended, -- suspended lines
    f.lines_ceased, -- lines out of service
    s.tier, -- value tier after service lists; null without a line in service
    s.tier_flag, -- its level, 1 is best
    s.value_tier, -- value tier before service lists
    s.value_score, -- 0-100, the exact sum of the three parts
    s.arpu_part, -- what ARPU gave to the score
    s.tenure_part, -- what tenure gave to the score
    s.credit_part, -- what credit gave to the score
    s.arpu_amount, -- billed service revenue (postpaid), consumed charges and fees (prepaid), a closed month
    s.mou_minutes, -- minutes of use a month, in and out
    s.tenure_months, -- whole months since the first activation of a line still in service
    s.credit, -- 0-100
    s.credit_source, -- where the credit came from
    s.lifecycle_stage, -- identification, growth, stable or warning
    s.churn_risk, -- probability of leaving within the policy's horizon
    s.churn_risk_band, -- band of it
    s.service_list, -- red, black or none
    s.is_vip, -- on the VIP list
    s.account_manager_id, -- manager to route to
    v.list_valid_from, -- first day on the red or black list
    v.list_valid_to, -- first day off it; null while open
    v.vip_valid_from, -- first day on the VIP list
    v.vip_valid_to, -- first day off it; null while open
    o.override_tier, -- tier by an operator's decision
    o.valid_from as override_valid_from, -- first day of that decision
    o.valid_to as override_valid_to, -- first day on which it holds no more; null while open
    f.billed_amount, -- service revenue of postpaid lines in the ARPU window
    f.prepaid_usage_amount, -- consumed on prepaid lines in the window
    f.prepaid_fee_amount, -- fees of prepaid lines in the window
    f.billed_months, -- closed months on the network whose bills are loaded
    f.usage_months, -- closed months on the network inside the loaded usage
    f.overdue_amount, -- still owed of months fallen due in the last 12 months
    f.arrears_stops, -- stops for arrears begun in the last 12 months
    f.last_activity_date, -- last usage or recharge in the last 90 days
    s.reasons, -- reason codes joined by semicolons
    $as_of_date::date as as_of_date, -- the day described
    s.policy_version, -- policy that decided
    s.model_version -- churn model that scored
from features.customer as f
left join scores.customer as s on s.customer_id = f.customer_id
left join features.service_lists as v on v.customer_id = f.customer_id
left join features.tier_overrides as o on o.customer_id = f.customer_id
