-- grain: one row a customer
-- owner: customer-value
-- severity: error
-- A score that is not the exact sum of its parts, or lies outside 0 to 100.
select
    customer_id, -- customer
    value_score, -- as scored
    arpu_part + tenure_part + credit_part as sum_of_parts -- as it should be
from scores.customer
where value_score <> arpu_part + tenure_part + credit_part or value_score < 0 or value_score > 100
