-- grain: one row an extract that was delivered before and is overdue
-- owner: data-engineering
-- severity: warn
-- Nothing of an extract is known from the last 40 days. What is published rests on old rows: check the transfer.
select
    extract, -- extract
    max(known_at) as last_known_at -- last delivery, UTC
from intake.files
-- Results come when there is a campaign.
where status = 'accepted' and known_at < $known_before and extract <> 'campaign_results'
group by extract
having max(known_at) < $delivered_after
