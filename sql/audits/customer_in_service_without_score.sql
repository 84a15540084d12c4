-- grain: one row a customer
-- owner: customer-value
-- severity: error
-- Every customer with a line in service is scored once, and nobody else is.
select
    coalesce(f.customer_id, s.customer_id) as customer_id -- customer
from (select customer_id from features.customer where lines_in_service > 0) as f
full outer join (
    select customer_id, count(*) as scores
    from scores.customer
    group by customer_id
) as s on s.customer_id = f.customer_id
where f.customer_id is null or coalesce(s.scores, 0) <> 1
