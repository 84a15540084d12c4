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
    f.gender, -- for audits only
    f.birth_year, -- for audits only
    f.contact_consent, -- agreed to be contacted with offers; null: not known
    f.identity_verified, -- registered under the real name
    f.previous_operator, -- operator left for us with a new number, as the customer says
    f.policy_segment, -- segment of the policy that decides
    f.lines_in_service, -- active or suspended lines
    f.lines_suspended, -- suspended lines
    f.lines_ceased, -- lines out of service
    s.tier, -- tier that callers are served as; null without a line in service
    s.tier_flag, -- its level, 1 is best
    s.tier_since, -- first night of that tier
    s.tier_cause, -- what made it so
    s.tier_ground, -- what decides it: score, a list, provisional or override
    s.value_tier, -- tier held by the policy's moves, before lists and overrides
    s.score_tier, -- tier that this night's score alone gives
    s.spend_grade, -- grade by ARPU alone; null while ARPU is not known
    s.value_score, -- metric value_score
    s.arpu_part, -- what ARPU gave to the score
    s.spend_part, -- what the window's spend gave to the score
    s.tenure_part, -- what tenure gave to the score
    s.credit_part, -- what credit gave to the score
    s.mou_part, -- what minutes of use gave to the score
    s.below_months, -- closed months in a row below the tier held
    s.stay_until, -- promoted: first day on which the tier can be lost
    s.rated_on, -- night of the last rating
    s.rated_until, -- first day on which the rating no longer holds
    s.rated_score, -- score of the last rating
    s.provisional_until, -- first day on which a provisional tier ends
    s.arpu_amount, -- metric arpu
    s.spend_amount, -- metric spend
    s.mou_minutes, -- metric mou
    s.tenure_months, -- metric tenure
    s.credit, -- metric credit
    s.credit_source, -- where the credit came from
    s.lifecycle_stage, -- identification, growth, stable or warning
    s.stage_since, -- first night of that stage
    s.stage_cause, -- what made it so
    s.next_stage, -- what the rules say meanwhile, while it settles
    s.churn_risk, -- metric churn_risk
    s.churn_risk_band, -- band of it
    s.churn_drivers, -- what raises it most, joined by semicolons; empty where the risk is a band's rate
    s.margin_amount, -- metric margin
    s.lifetime_value_amount, -- metric lifetime_value
    s.value_at_risk_amount, -- metric value_at_risk
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
    f.complaints, -- contacts with a complaint in the last 90 days
    t.last_contacted_date, -- last time in the last 90 days that the operator contacted the customer
    f.last_activity_date, -- last usage or recharge in the last 90 days
    s.retention_play, -- what to do for a customer of this tier, stage and brand
    s.usage_hints, -- names of plans to mention, joined by semicolons
    s.reasons, -- reason codes joined by semicolons
    s.lifted_by, -- what alone would bring the next tier, joined by semicolons
    s.changes, -- what is other than at the end of last month, joined by semicolons
    $as_of_date::date as as_of_date, -- the day described
    s.policy_version, -- policy that decided
    s.model_version -- churn model that scored
from features.customer as f
left join scores.customer as s on s.customer_id = f.customer_id
left join features.outbound_contacts as t on t.customer_id = f.customer_id
left join features.service_lists as v on v.customer_id = f.customer_id
left join features.tier_overrides as o on o.customer_id = f.customer_id
