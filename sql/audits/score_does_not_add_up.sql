-- grain: one row a customer
-- owner: customer-value
-- severity: error
-- A score that is not the exact sum of its parts, or is negative.
select
    customer_id, -- customer
    value_score, -- as scored
    arpu_part + spend_part + tenure_part + credit_part + mou_part as sum_of_parts -- as it should be
from scores.customer
where value_score <> arpu_part + spend_part + tenure_part + credit_part + mou_part or value_score < 0
