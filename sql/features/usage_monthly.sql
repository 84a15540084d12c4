-- grain: one row a subscription and calendar month of the ARPU window
-- owner: mediation
-- Usage of a line in a closed month, summed from its days.
select
    u.subscription_id, -- line
    m.billing_period, -- month, YYYY-MM
    sum(u.voice_out_seconds + u.voice_in_seconds)::bigint as voice_seconds, -- seconds of calls in and out
    sum(u.charge_amount)::decimal(18, 4) as charge_amount -- charged, without tax
from features.usage_daily as u
join run.arpu_months as m on u.usage_date between m.first_day and m.last_day
where u.subscription_id is not null
group by u.subscription_id, m.billing_period
