-- grain: one row a band of payment type and tenure
-- owner: retention
-- How many customers of a band could leave at the month ends of the past year, and how many of them did within the horizon after the gap.
select
    payment_type || ':' || tenure_band as churn_band, -- payment type and tenure in months, from-to
    count(*) as exposed, -- customers on the network, summed over month ends
    sum(case when churned then 1 else 0 end)::bigint as churned -- of them gone within the horizon after the gap
from features.churn_outcomes
group by payment_type, tenure_band
