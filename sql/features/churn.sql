-- grain: one row a customer in service, as of one date
-- owner: retention
-- What a model of churn may look at, as exact sums and counts: segmentation/churn/features.py makes ratios of them, row by row. A window
-- whose usage is not loaded is null for everybody, never zero. Region, gender and birth year are not here: nobody is judged by them.
with observed as (
    -- A window counts where its first day lies inside the loaded usage and at most 3 of its 28 days are missing.
    select
        coalesce(min(usage_date) <= $recent_from, false)
        and sum(case when usage_date >= $recent_from then 1 else 0 end) >= 25 as has_recent,
        coalesce(min(usage_date) <= $earlier_from, false)
        and sum(case when usage_date >= $earlier_from and usage_date < $recent_from then 1 else 0 end) >= 25 as has_earlier,
        coalesce(min(usage_date) <= $contacts_from, false)
        and sum(case when usage_date between $contacts_from and $contacts_until then 1 else 0 end) >= 25 as has_contacts,
        coalesce(min(usage_date) <= $contacts_before_from, false)
        and sum(case when usage_date >= $contacts_before_from and usage_date < $contacts_from then 1 else 0 end) >= 25
            as has_contacts_before,
        sum(case when usage_date >= $recent_from then 1 else 0 end)::integer as recent_days,
        sum(case when usage_date >= $earlier_from and usage_date < $recent_from then 1 else 0 end)::integer as earlier_days
    from (
        select usage_date
        from features.usage_daily
        where usage_date between $activity_from and $as_of_date
        group by usage_date
    ) as days
),

-- A day's usage is of whoever held the line at its last record. Weeks are counted back from the as-of date: 0 to 3 are the last 28 days.
day_use as (
    select
        u.customer_id,
        date_diff('day', u.usage_date, $as_of_date) // 7 as weeks_ago,
        -- A bit a day: different days are counted in one pass.
        1::bigint << date_diff('day', u.usage_date, $as_of_date)::integer as day_bit,
        u.voice_out_seconds + u.voice_in_seconds as voice_seconds,
        u.voice_in_seconds,
        u.long_distance_seconds,
        u.roaming_seconds,
        u.night_seconds,
        u.uplink_bytes + u.downlink_bytes as data_bytes,
        u.sms_out + u.sms_in as messages,
        u.charge_amount,
        u.hotline_calls
    from features.usage_daily as u
    where u.customer_id is not null and u.usage_date between $recent_from and $as_of_date
),

used as (
    select
        customer_id,
        -- Another week's days are null, which costs less than adding zero; the 28 days are these four weeks.
        coalesce(sum(case when weeks_ago = 0 then voice_seconds end), 0)::bigint as voice_seconds_week_0,
        coalesce(sum(case when weeks_ago = 1 then voice_seconds end), 0)::bigint as voice_seconds_week_1,
        coalesce(sum(case when weeks_ago = 2 then voice_seconds end), 0)::bigint as voice_seconds_week_2,
        coalesce(sum(case when weeks_ago = 3 then voice_seconds end), 0)::bigint as voice_seconds_week_3,
        coalesce(sum(case when weeks_ago = 0 then data_bytes end), 0)::bigint as data_bytes_week_0,
        coalesce(sum(case when weeks_ago = 1 then data_bytes end), 0)::bigint as data_bytes_week_1,
        coalesce(sum(case when weeks_ago = 2 then data_bytes end), 0)::bigint as data_bytes_week_2,
        coalesce(sum(case when weeks_ago = 3 then data_bytes end), 0)::bigint as data_bytes_week_3,
        sum(messages)::bigint as messages,
        sum(charge_amount)::decimal(18, 4) as charge_amount,
        sum(voice_in_seconds)::bigint as voice_in_seconds,
        sum(long_distance_seconds)::bigint as long_distance_seconds,
        sum(roaming_seconds)::bigint as roaming_seconds,
        sum(night_seconds)::bigint as night_seconds,
        sum(hotline_calls)::bigint as hotline_calls,
        bit_count(bit_or(day_bit))::integer as active_days
    from day_use
    group by customer_id
),

-- Of the 28 days before less is asked, so that less of their files is read.
used_before as (
    select
        u.customer_id,
        sum(u.voice_out_seconds + u.voice_in_seconds)::bigint as voice_seconds,
        sum(u.uplink_bytes + u.downlink_bytes)::bigint as data_bytes,
        sum(u.sms_out + u.sms_in)::bigint as messages,
        sum(u.charge_amount)::decimal(18, 4) as charge_amount,
        bit_count(bit_or(1::bigint << date_diff('day', u.usage_date, $as_of_date)::integer))::integer as active_days
    from features.usage_daily as u
    where u.customer_id is not null and u.usage_date >= $earlier_from and u.usage_date < $recent_from
    group by u.customer_id
),

recharge_span as (
    -- Recharges are judged where they are known up to the last days: a monthly delivery must not look like silence.
    select
        coalesce(min(paid_date) <= $earlier_from and date_diff('day', max(paid_date), $as_of_date) <= 3, false) as has_recharges
    from staging.payments
    where kind = 'recharge' and known_at < $known_before and paid_date <= $as_of_date
),

recharged as (
    select
        v.customer_id,
        sum(case when p.paid_date >= $recent_from then 1 else 0 end)::integer as recharges,
        sum(case when p.paid_date >= $earlier_from and p.paid_date < $recent_from then 1 else 0 end)::integer as recharges_before,
        sum(case when p.paid_date >= $recent_from then p.amount else 0 end)::decimal(18, 4) as recharge_amount,
        sum(
            case when p.paid_date >= $earlier_from and p.paid_date < $recent_from then p.amount else 0 end
        )::decimal(18, 4) as recharge_amount_before,
        max(p.paid_date) as last_recharge_date
    from staging.payments as p
    join features.subscription_versions as v
        on v.subscription_id = p.subscription_id
        and v.valid_from <= p.paid_at and coalesce(p.paid_at < v.valid_to, true)
    where
        p.kind = 'recharge' and p.known_at < $known_before and p.paid_date between $activity_from and $as_of_date
    group by v.customer_id
),

months as (
    select
        b.customer_id,
        b.billing_period,
        sum(b.amount)::decimal(18, 4) as amount,
        sum(b.rental_amount)::decimal(18, 4) as rental_amount
    from features.bill_shares as b
    join features.customer as c on c.customer_id = b.customer_id
    join run.arpu_months as m on m.segment = c.policy_segment and m.billing_period = b.billing_period
    group by b.customer_id, b.billing_period
),

billed as (
    select
        customer_id,
        min(amount) as lowest_month_amount,
        max(amount) as highest_month_amount,
        sum(rental_amount)::decimal(18, 4) as rental_amount
    from months
    group by customer_id
),

contracts as (
    select
        customer_id,
        max(contract_end_date) as contract_ended_date
    from features.subscriptions
    where in_service and contract_end_date < $as_of_date
    group by customer_id
)

select
    c.customer_id, -- customer
    c.payment_type, -- postpaid, prepaid or mixed, of the lines in service
    c.brand, -- brand of the oldest line in service
    c.customer_type, -- individual or group
    c.group_id is not null as is_member, -- member of a company
    c.pays_own_account, -- false: somebody else pays all accounts
    c.has_postpaid_line, -- any postpaid line
    c.has_prepaid_line, -- any prepaid line
    c.lines_in_service, -- active or suspended lines
    c.lines_suspended, -- suspended lines
    c.lines_ceased, -- lines out of service
    c.first_activation_date, -- earliest activation among lines in service
    c.contract_end_date, -- earliest contract end still to come
    k.contract_ended_date, -- last contract end that has passed, of the lines in service
    c.ported_in_from is not null as is_ported_in, -- a line in service came with its number from another operator
    c.previous_operator is not null as has_switched, -- says to have left another operator
    c.billed_months, -- closed months on the network whose bills are loaded
    c.billed_amount, -- service revenue of postpaid lines in the ARPU window
    c.prepaid_fee_amount, -- fees of prepaid lines in the window
    c.usage_months, -- closed months on the network inside the loaded usage
    c.prepaid_usage_amount, -- consumed on prepaid lines in the window
    c.latest_month_amount, -- spend of the last closed month
    b.rental_amount, -- fees of the plans in the ARPU window; null without a bill
    b.lowest_month_amount, -- lowest billed month of the window; null without a bill
    b.highest_month_amount, -- highest billed month of the window; null without a bill
    c.bills_due, -- months fallen due in the last 12 months on accounts the customer pays
    c.bills_paid_on_time, -- of them settled by the due date
    c.days_past_due, -- days late, summed
    c.amount_due_total, -- owed for them, tax included
    c.overdue_amount, -- still owed
    c.arrears_stops, -- stops for arrears begun in the last 12 months
    c.complaints, -- contacts with a complaint in the last 90 days
    case when o.has_recent then o.recent_days end as usage_days, -- loaded ones of the last 28 days; null: usage not loaded
    case when o.has_earlier then o.earlier_days end as usage_days_before, -- of the 28 before; null: usage not loaded
    case when o.has_recent then c.last_activity_date end as last_activity_date, -- last usage or recharge in the last 90 days
    case when o.has_recent then coalesce(u.active_days, 0) end as active_days, -- days with any usage of the last 28
    case when o.has_earlier then coalesce(e.active_days, 0) end as active_days_before, -- of the 28 before
    case
        when o.has_recent then coalesce(
            u.voice_seconds_week_0 + u.voice_seconds_week_1 + u.voice_seconds_week_2 + u.voice_seconds_week_3, 0
        )
    end as voice_seconds, -- seconds of calls in and out, last 28 days
    case when o.has_earlier then coalesce(e.voice_seconds, 0) end as voice_seconds_before, -- in the 28 before
    case when o.has_recent then coalesce(u.voice_seconds_week_0, 0) end as voice_seconds_week, -- in the last 7 days
    case
        when o.has_recent then coalesce(
            least(u.voice_seconds_week_0, u.voice_seconds_week_1, u.voice_seconds_week_2, u.voice_seconds_week_3), 0
        )
    end as voice_seconds_lowest_week, -- in the quietest of the last 4 weeks
    case
        when o.has_recent then coalesce(
            greatest(u.voice_seconds_week_0, u.voice_seconds_week_1, u.voice_seconds_week_2, u.voice_seconds_week_3), 0
        )
    end as voice_seconds_highest_week, -- in the busiest of the last 4 weeks
    case
        when o.has_recent then coalesce(
            u.data_bytes_week_0 + u.data_bytes_week_1 + u.data_bytes_week_2 + u.data_bytes_week_3, 0
        )
    end as data_bytes, -- bytes sent and received, last 28 days
    case when o.has_earlier then coalesce(e.data_bytes, 0) end as data_bytes_before, -- in the 28 before
    case when o.has_recent then coalesce(u.data_bytes_week_0, 0) end as data_bytes_week, -- in the last 7 days
    case
        when o.has_recent then coalesce(
            least(u.data_bytes_week_0, u.data_bytes_week_1, u.data_bytes_week_2, u.data_bytes_week_3), 0
        )
    end as data_bytes_lowest_week, -- in the quietest of the last 4 weeks
    case
        when o.has_recent then coalesce(
            greatest(u.data_bytes_week_0, u.data_bytes_week_1, u.data_bytes_week_2, u.data_bytes_week_3), 0
        )
    end as data_bytes_highest_week, -- in the busiest of the last 4 weeks
    case when o.has_recent then coalesce(u.messages, 0) end as messages, -- messages in and out, last 28 days
    case when o.has_earlier then coalesce(e.messages, 0) end as messages_before, -- in the 28 before
    case when o.has_recent then coalesce(u.charge_amount, 0) end as charge_amount, -- charged for usage, last 28 days
    case when o.has_earlier then coalesce(e.charge_amount, 0) end as charge_amount_before, -- in the 28 before
    case when o.has_recent then coalesce(u.voice_in_seconds, 0) end as voice_in_seconds, -- seconds of calls received, last 28 days
    case when o.has_recent then coalesce(u.long_distance_seconds, 0) end as long_distance_seconds, -- of long-distance calls, last 28 days
    case when o.has_recent then coalesce(u.roaming_seconds, 0) end as roaming_seconds, -- of calls while roaming, last 28 days
    case when o.has_recent then coalesce(u.night_seconds, 0) end as night_seconds, -- of calls answered from 22:00 to 05:59, last 28 days
    case when o.has_recent then coalesce(u.hotline_calls, 0) end as hotline_calls, -- calls to the operator's service numbers, last 28 days
    case when r.has_recharges then coalesce(p.recharges, 0) end as recharges, -- in the last 28 days; null: recharges not loaded
    case when r.has_recharges then coalesce(p.recharges_before, 0) end as recharges_before, -- in the 28 before
    case when r.has_recharges then coalesce(p.recharge_amount, 0) end as recharge_amount, -- recharged in the last 28 days
    case when r.has_recharges then coalesce(p.recharge_amount_before, 0) end as recharge_amount_before, -- in the 28 before
    case when r.has_recharges then p.last_recharge_date end as last_recharge_date, -- last recharge in the last 90 days
    case when o.has_contacts then coalesce(g.is_hub, false) end as is_hub, -- talks with too many others to count them
    case
        when o.has_contacts and not coalesce(g.is_hub, false) then coalesce(g.contacts, 0)
    end as contacts, -- others talked with, last four full weeks
    case
        when o.has_contacts_before and not coalesce(g.is_hub, false) then coalesce(g.contacts_before, 0)
    end as contacts_before, -- in the four before
    case
        when o.has_contacts and not coalesce(g.is_hub, false) then coalesce(g.on_net_contacts, 0)
    end as on_net_contacts, -- of the last four weeks' those on this network
    case
        when o.has_contacts and o.has_contacts_before and not coalesce(g.is_hub, false) then coalesce(g.on_net_contacts_seen, 0)
    end as on_net_contacts_seen, -- contacts on this network in the eight weeks
    case
        when o.has_contacts and o.has_contacts_before and not coalesce(g.is_hub, false) then coalesce(g.contacts_left, 0)
    end as contacts_left, -- of these without a line in service now
    case
        when o.has_contacts and t.has_tiers and not coalesce(g.is_hub, false) then coalesce(g.best_tier_contacts, 0)
    end as best_tier_contacts -- of the last four weeks' those in the best tier the night before; null: no night before
from features.customer as c
cross join observed as o
cross join recharge_span as r
cross join (select count(*) > 0 as has_tiers from features.tier_state) as t
left join used as u on u.customer_id = c.customer_id
left join used_before as e on e.customer_id = c.customer_id
left join recharged as p on p.customer_id = c.customer_id
left join billed as b on b.customer_id = c.customer_id
left join contracts as k on k.customer_id = c.customer_id
left join features.call_graph as g on g.customer_id = c.customer_id
where c.lines_in_service > 0
