-- grain: one row a pair of customers who talked with each other in the last eight full weeks
-- owner: retention
-- Who talked with whom on this network in the last four full weeks, Monday to Sunday, and in the four before. Full weeks, so that the pairs
-- of weeks are told apart once a week and not each night.
select
    customer_id, -- of the two the one who sorts first
    other_customer_id, -- the other
    max(case when usage_date >= $contacts_from then 1 else 0 end) as is_recent, -- 1: talked in the last four full weeks
    max(case when usage_date >= $contacts_from then 0 else 1 end) as is_earlier -- 1: talked in the four before
from features.contact_days
where usage_date between $contacts_before_from and $contacts_until and other_customer_id is not null
group by customer_id, other_customer_id
