-- grain: one row a campaign and customer whose results fit no list
-- owner: retention
-- severity: warn
-- Results of a customer who is not on the campaign's list count for nothing: correct the campaign or customer in the next delivery. One of
-- the control group was called against the plan, which makes the uplift look smaller than it is.
select
    r.campaign, -- campaign named
    r.customer_id, -- customer named
    coalesce(m.is_control, false) as is_control -- in the control group
from staging.campaign_results as r
left join run.campaign_members as m on m.campaign = r.campaign and m.customer_id = r.customer_id
where r.known_at < $known_before and r.contacted_date <= $as_of_date and coalesce(m.is_control, true)
group by r.campaign, r.customer_id, m.is_control
