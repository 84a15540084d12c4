-- grain: one row a subscription and day, and one row a day (subscription_id null) for the records that belong to nobody
-- owner: mediation
-- What a line used in a day of the operator's time zone. A record belongs to the line that held its number at its answer time, a line's
-- day to who held the line at its last record.
with attributed as (
    select
        h.subscription_id,
        c.usage_date,
        c.usage_hour,
        c.answer_time,
        c.direction = 'outgoing' as is_outgoing,
        c.roaming,
        c.long_distance,
        c.uplink_bytes,
        c.downlink_bytes,
        c.charge,
        case when c.call_type = 'voice' then c.call_duration else 0 end as voice_seconds,
        case when c.call_type = 'voice' then 1 else 0 end as calls,
        case when c.call_type = 'sms' then 1 else 0 end as messages,
        case when c.direction = 'outgoing' then c.called_number else c.calling_number end as other_number,
        n.service_number is not null as is_with_hotline
    from staging.cdr as c
    left join features.number_holdings as h
        on h.msisdn = c.served_msisdn and h.held_from <= c.answer_time and coalesce(c.answer_time < h.held_to, true)
    left join run.service_numbers as n
        on n.service_number = case when c.direction = 'outgoing' then c.called_number else c.calling_number end
    where c.usage_date = $usage_date and c.known_at < $known_before
),

used as (
    select
        subscription_id,
        usage_date,
        count(*) as records,
        sum(case when is_outgoing then voice_seconds else 0 end)::bigint as voice_out_seconds,
        sum(case when is_outgoing then 0 else voice_seconds end)::bigint as voice_in_seconds,
        sum(case when is_outgoing then calls else 0 end)::bigint as voice_out_calls,
        sum(case when is_outgoing then 0 else calls end)::bigint as voice_in_calls,
        sum(case when long_distance then voice_seconds else 0 end)::bigint as long_distance_seconds,
        sum(case when roaming then voice_seconds else 0 end)::bigint as roaming_seconds,
        -- Night is 22:00 to 06:00 by the hour of the answer: a call counts whole where it began.
        sum(
            case when usage_hour >= 22 or usage_hour < 6 then voice_seconds else 0 end
        )::bigint as night_seconds,
        sum(case when is_outgoing then messages else 0 end)::bigint as sms_out,
        sum(case when is_outgoing then 0 else messages end)::bigint as sms_in,
        sum(uplink_bytes)::bigint as uplink_bytes,
        sum(downlink_bytes)::bigint as downlink_bytes,
        sum(charge)::decimal(18, 4) as charge_amount,
        count(
            distinct case when calls + messages > 0 and not is_with_hotline then other_number end
        ) as distinct_contacts,
        sum(
            case when is_outgoing and is_with_hotline then calls else 0 end
        )::bigint as hotline_calls,
        sum(
            case when is_outgoing and is_with_hotline then voice_seconds else 0 end
        )::bigint as hotline_seconds,
        max(answer_time) as last_activity_at
    from attributed
    group by subscription_id, usage_date
)

select
    u.subscription_id, -- line; null: numbers that nobody held at the time
    v.customer_id, -- who held the line at its last record of the day
    u.usage_date, -- day in the operator's time zone
    u.records, -- call detail records
    u.voice_out_seconds, -- seconds of calls made
    u.voice_in_seconds, -- seconds of calls received
    u.voice_out_calls, -- calls made, unanswered included
    u.voice_in_calls, -- calls received, unanswered included
    u.long_distance_seconds, -- seconds of long-distance calls
    u.roaming_seconds, -- seconds of calls while roaming
    u.night_seconds, -- seconds of calls answered from 22:00 to 05:59
    u.sms_out, -- messages sent
    u.sms_in, -- messages received
    u.uplink_bytes, -- bytes sent
    u.downlink_bytes, -- bytes received
    u.charge_amount, -- charged, without tax
    u.distinct_contacts, -- different numbers called, messaged or heard from, hotline excluded
    u.hotline_calls, -- calls to the operator's service numbers
    u.hotline_seconds, -- seconds of them
    u.last_activity_at -- last record in or out, UTC
from used as u
left join features.subscription_versions as v
    on v.subscription_id = u.subscription_id
    and v.valid_from <= u.last_activity_at and coalesce(u.last_activity_at < v.valid_to, true)
