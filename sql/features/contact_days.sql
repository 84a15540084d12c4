-- grain: one row a subscription, day and number talked with
-- owner: mediation
-- Whom a line called, messaged or heard from in a day of the operator's time zone, and which line held that number then. Says who talks
-- with whom: kept in files of its own that only the pipeline opens, and read for the last 56 days only. Without service numbers, short
-- codes and unknown numbers.
with talked as (
    select
        h.subscription_id,
        c.usage_date,
        c.answer_time,
        case when c.direction = 'outgoing' then c.called_number else c.calling_number end as other_number,
        case when c.call_type = 'voice' then c.call_duration else 0 end as seconds
    from staging.cdr as c
    join features.number_holdings as h
        on h.msisdn = c.served_msisdn and h.held_from <= c.answer_time and coalesce(c.answer_time < h.held_to, true)
    where c.usage_date = $usage_date and c.known_at < $known_before and c.call_type in ('voice', 'sms')
)

select
    t.subscription_id, -- line
    t.usage_date, -- day in the operator's time zone
    t.other_number, -- number talked with, E.164
    o.subscription_id as other_subscription_id, -- line of ours that held it then; null: another network's
    count(*) as contacts, -- calls and messages in and out, unanswered included
    sum(t.seconds)::bigint as seconds, -- seconds of the calls
    max(t.answer_time) as last_contact_at -- last of them, UTC
from talked as t
left join features.number_holdings as o
    on o.msisdn = t.other_number and o.held_from <= t.answer_time and coalesce(t.answer_time < o.held_to, true)
left join run.service_numbers as n on n.service_number = t.other_number
where
    starts_with(t.other_number, '+') and n.service_number is null
    and coalesce(o.subscription_id <> t.subscription_id, true)
group by t.subscription_id, t.usage_date, t.other_number, o.subscription_id
