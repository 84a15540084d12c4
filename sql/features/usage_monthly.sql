-- grain: one row a subscription and calendar month of any segment's ARPU window
-- owner: mediation
-- Usage of a line in a closed month, summed from its days.
with months as (
    select billing_period, first_day, last_day
    from run.arpu_months
    group by billing_period, first_day, last_day
)

select
    u.subscription_id, -- line
    m.billing_period, -- month, YYYY-MM
    sum(u.voice_out_seconds + u.voice_in_seconds)::bigint as voice_seconds, -- seconds of calls in and out
    sum(u.long_distance_seconds)::bigint as long_distance_seconds, -- seconds of long-distance calls
    sum(u.roaming_seconds)::bigint as roaming_seconds, -- seconds of calls while roaming
    sum(u.uplink_bytes + u.downlink_bytes)::bigint as data_bytes, -- bytes sent and received
    sum(u.charge_amount)::decimal(18, 4) as charge_amount -- charged, without tax
from features.usage_daily as u
join months as m on u.usage_date between m.first_day and m.last_day
where u.subscription_id is not null
group by u.subscription_id, m.billing_period
