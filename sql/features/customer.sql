-- grain: one row a customer who holds a line, or was the last to hold one, as of one date
-- owner: customer-value
-- Everything that the judgement of a customer needs, summed over the lines. "The window" is that of the customer's policy segment.
with lines as (
    select
        customer_id,
        sum(case when in_service then 1 else 0 end)::integer as lines_in_service,
        sum(case when in_service and status = 'active' then 1 else 0 end)::integer as lines_active,
        sum(case when in_service and status = 'suspended' then 1 else 0 end)::integer as lines_suspended,
        sum(case when in_service then 0 else 1 end)::integer as lines_ceased,
        min(case when in_service then activation_date end) as first_activation_date,
        min(case when in_service and contract_end_date >= $as_of_date then contract_end_date end) as contract_end_date,
        max(case when in_service then ported_in_from end) as ported_in_from,
        sum(arrears_stops)::integer as arrears_stops
    from features.subscriptions
    group by customer_id
),

-- What a customer is, when the lines differ: by the lines in service, without any by the line activated last.
line_kinds as (
    select
        customer_id,
        max(case when payment_type = 'postpaid' then 1 else 0 end) = 1 as has_postpaid_line,
        max(case when payment_type = 'prepaid' then 1 else 0 end) = 1 as has_prepaid_line
    from (
        select customer_id, payment_type
        from features.subscriptions
        where in_service
        union all
        select s.customer_id, s.payment_type
        from (
            select
                customer_id,
                payment_type,
                row_number() over (partition by customer_id order by activation_date desc, subscription_id desc) as recency
            from features.subscriptions
            where not in_service
        ) as s
        join lines as l on l.customer_id = s.customer_id
        where l.lines_in_service = 0 and s.recency = 1
    ) as deciding
    group by customer_id
),

primary_lines as (
    select
        customer_id,
        brand,
        row_number() over (
            partition by customer_id
            order by case when in_service then 0 else 1 end, activation_date, subscription_id
        ) as seniority
    from features.subscriptions
),

kinds as (
    select
        k.customer_id,
        p.brand,
        k.has_postpaid_line,
        k.has_prepaid_line,
        case
            when k.has_postpaid_line and k.has_prepaid_line then 'mixed'
            when k.has_prepaid_line then 'prepaid'
            else 'postpaid'
        end as payment_type
    from line_kinds as k
    join primary_lines as p on p.customer_id = k.customer_id and p.seniority = 1
),

-- The first segment that a brand and payment type fit; few pairs, so that customers are only joined to the answer.
segments as (
    select
        k.brand,
        k.payment_type,
        s.segment,
        row_number() over (partition by k.brand, k.payment_type order by s.position) as preference
    from (select brand, payment_type from kinds group by brand, payment_type) as k
    join run.policy_segments as s
        on (s.brand is null or s.brand = k.brand)
        -- A segment of postpaid customers takes mixed ones too.
        and (
            s.payment_type is null or s.payment_type = k.payment_type
            or (s.payment_type = 'postpaid' and k.payment_type = 'mixed')
        )
),

segmented as (
    select k.*, s.segment
    from kinds as k
    left join segments as s
        on s.brand is not distinct from k.brand and s.payment_type = k.payment_type and s.preference = 1
),

-- Months of a segment's window, and which of them count: those whose bills are loaded, and those inside the loaded usage.
covered_months as (
    select
        m.segment,
        m.billing_period,
        m.is_latest_closed,
        -- A bit a month: different months are counted in one pass, whatever the segment.
        1::bigint << dense_rank() over (order by m.billing_period)::integer as month_bit,
        b.billing_period is not null as has_bills,
        m.usage_observed as has_usage
    from run.arpu_months as m
    left join (select billing_period from features.bill_shares group by billing_period) as b
        on b.billing_period = m.billing_period
),

segment_months as (
    select
        segment,
        bit_or(case when has_bills then month_bit end) as billed_months,
        bit_or(case when has_usage then month_bit end) as usage_months
    from covered_months
    group by segment
),

months_on_network as (
    select l.customer_id, bit_or(m.month_bit) as months
    from features.subscription_months as l
    join (select billing_period, month_bit from covered_months group by billing_period, month_bit) as m
        on m.billing_period = l.billing_period
    group by l.customer_id
),

billed as (
    select
        b.customer_id,
        count(*)::integer as bills_in_window,
        sum(case when b.payment_type = 'postpaid' then b.amount else 0 end)::decimal(18, 4) as billed_amount,
        sum(case when b.payment_type = 'prepaid' then b.amount else 0 end)::decimal(18, 4) as prepaid_fee_amount,
        sum(b.long_distance_amount)::decimal(18, 4) as long_distance_amount,
        sum(b.roaming_amount)::decimal(18, 4) as roaming_amount,
        sum(case when m.is_latest_closed then b.amount else 0 end)::decimal(18, 4) as latest_month_amount
    from features.bill_shares as b
    join segmented as g on g.customer_id = b.customer_id
    join covered_months as m on m.segment = g.segment and m.billing_period = b.billing_period
    group by b.customer_id
),

used as (
    -- What a postpaid line used is in its bill: only a prepaid line's charges count.
    select
        l.customer_id,
        sum(case when l.payment_type = 'prepaid' then u.charge_amount else 0 end)::decimal(18, 4) as prepaid_usage_amount,
        sum(u.voice_seconds)::bigint as voice_seconds,
        sum(u.long_distance_seconds)::bigint as long_distance_seconds,
        sum(u.roaming_seconds)::bigint as roaming_seconds,
        sum(u.data_bytes)::bigint as data_bytes,
        sum(
            case when m.is_latest_closed and l.payment_type = 'prepaid' then u.charge_amount else 0 end
        )::decimal(18, 4) as latest_month_amount,
        sum(case when m.is_latest_closed then u.voice_seconds else 0 end)::bigint as latest_month_voice_seconds,
        sum(case when m.is_latest_closed then u.data_bytes else 0 end)::bigint as latest_month_data_bytes
    from features.usage_monthly as u
    join features.subscription_months as l
        on l.billing_period = u.billing_period and l.subscription_id = u.subscription_id
    join segmented as g on g.customer_id = l.customer_id
    join covered_months as m on m.segment = g.segment and m.billing_period = u.billing_period
    where m.has_usage
    group by l.customer_id
),

observed as (
    select count(distinct usage_date)::integer as usage_observed_days
    from features.usage_daily
    where usage_date >= $activity_from
),

account_behaviour as (
    select
        account_id,
        count(*) as bills_due,
        count(case when paid_on_time then 1 end) as bills_paid_on_time,
        sum(days_past_due) as days_past_due,
        sum(amount_due) as amount_due_total,
        sum(overdue_amount) as overdue_amount
    from features.account_periods
    group by account_id
),

payment_behaviour as (
    select
        o.customer_id,
        sum(p.bills_due)::integer as bills_due,
        sum(p.bills_paid_on_time)::integer as bills_paid_on_time,
        sum(p.days_past_due)::integer as days_past_due,
        sum(p.amount_due_total)::decimal(18, 4) as amount_due_total,
        sum(p.overdue_amount)::decimal(18, 4) as overdue_amount
    from features.account_owners as o
    left join account_behaviour as p on p.account_id = o.account_id
    group by o.customer_id
),

bands as (
    -- Few dates: customers are only joined to the answer.
    select d.first_activation_date, t.tenure_band
    from (select first_activation_date from lines group by first_activation_date) as d
    join run.tenure_bands as t
        on d.first_activation_date > t.activated_after and d.first_activation_date <= t.activated_until
),

churn_base as (
    select coalesce(sum(exposed), 0)::bigint as exposed, coalesce(sum(churned), 0)::bigint as churned
    from features.churn_bands
)

select
    l.customer_id, -- customer
    coalesce(c.customer_type, 'individual') as customer_type, -- individual or group
    c.group_id, -- company that the customer is a member of
    k.brand, -- brand of the oldest line in service
    k.payment_type, -- postpaid, prepaid or mixed, of the lines in service
    k.segment as policy_segment, -- segment of the policy that decides
    c.region, -- region
    c.language, -- language to be served in
    c.account_manager_id, -- account manager in the CRM
    c.contact_consent, -- agreed to be contacted with offers
    c.gender, -- for audits only
    c.birth_year, -- for audits only
    c.identity_verified, -- registered under the real name
    c.previous_operator, -- operator left for us with a new number, as the customer says
    c.credit_score as operator_credit_score, -- the operator's own score, 0-100
    l.lines_in_service, -- active or suspended lines
    l.lines_active, -- active lines
    l.lines_suspended, -- suspended lines
    l.lines_ceased, -- lines out of service
    l.first_activation_date, -- earliest activation among lines in service
    l.contract_end_date, -- earliest contract end still to come
    l.ported_in_from, -- operator that a line in service came from
    coalesce(bit_count(n.months & v.billed_months), 0)::integer as billed_months, -- closed months on the network whose bills are loaded
    coalesce(w.bills_in_window, 0) as bills_in_window, -- bills of the window
    coalesce(w.billed_amount, 0)::decimal(18, 4) as billed_amount, -- service revenue of postpaid lines in the ARPU window
    coalesce(w.long_distance_amount, 0)::decimal(18, 4) as long_distance_amount, -- of it for long-distance calls, before refunds
    coalesce(w.roaming_amount, 0)::decimal(18, 4) as roaming_amount, -- of it for use while roaming, before refunds
    coalesce(bit_count(n.months & v.usage_months), 0)::integer as usage_months, -- closed months on the network inside the loaded usage
    coalesce(u.prepaid_usage_amount, 0)::decimal(18, 4) as prepaid_usage_amount, -- consumed on prepaid lines in the window
    coalesce(w.prepaid_fee_amount, 0)::decimal(18, 4) as prepaid_fee_amount, -- fees of prepaid lines in the window
    k.has_prepaid_line, -- any prepaid line
    k.has_postpaid_line, -- any postpaid line
    coalesce(u.voice_seconds, 0) as voice_seconds, -- seconds of calls in and out in the window
    coalesce(u.long_distance_seconds, 0) as long_distance_seconds, -- seconds of long-distance calls in the window
    coalesce(u.roaming_seconds, 0) as roaming_seconds, -- seconds of calls while roaming in the window
    coalesce(u.data_bytes, 0) as data_bytes, -- bytes sent and received in the window
    (coalesce(w.latest_month_amount, 0) + coalesce(u.latest_month_amount, 0))::decimal(18, 4)
        as latest_month_amount, -- spend of the last closed month
    case when m.has_usage then coalesce(u.latest_month_voice_seconds, 0) end
        as latest_month_voice_seconds, -- seconds of calls in the last closed month; null where its usage is not loaded whole
    case when m.has_usage then coalesce(u.latest_month_data_bytes, 0) end
        as latest_month_data_bytes, -- bytes in the last closed month; null where its usage is not loaded whole
    a.last_active_date as last_activity_date, -- last usage or recharge in the last 90 days
    o.usage_observed_days, -- days of the last 90 with any usage loaded
    coalesce(b.bills_due, 0) as bills_due, -- months fallen due in the last 12 months on accounts the customer pays
    coalesce(b.bills_paid_on_time, 0) as bills_paid_on_time, -- of them settled by the due date
    coalesce(b.days_past_due, 0) as days_past_due, -- days late, summed
    coalesce(b.amount_due_total, 0)::decimal(18, 4) as amount_due_total, -- owed for them, tax included
    coalesce(b.overdue_amount, 0)::decimal(18, 4) as overdue_amount, -- still owed
    b.customer_id is not null as pays_own_account, -- false: somebody else pays all accounts
    l.arrears_stops, -- stops for arrears begun in the last 12 months
    coalesce(q.complaints, 0) as complaints, -- contacts with a complaint in the last 90 days
    s.service_list, -- red, black or null
    coalesce(s.is_vip, false) as is_vip, -- on the VIP list
    s.vip_account_manager_id, -- manager named on the VIP list
    d.override_tier, -- tier by an operator's decision
    case when k.has_postpaid_line then 'postpaid' else 'prepaid' end
    || ':' || coalesce(t.tenure_band, 'none') as churn_band, -- payment type and tenure
    coalesce(r.exposed, 0) as band_exposed, -- customers of the band in history
    coalesce(r.churned, 0) as band_churned, -- of them gone
    e.exposed as base_exposed, -- customers in history
    e.churned as base_churned -- of them gone
from lines as l
join segmented as k on k.customer_id = l.customer_id
cross join observed as o
cross join churn_base as e
left join features.customers_known as c on c.customer_id = l.customer_id
left join months_on_network as n on n.customer_id = l.customer_id
left join segment_months as v on v.segment = k.segment
left join billed as w on w.customer_id = l.customer_id
left join used as u on u.customer_id = l.customer_id
left join covered_months as m on m.segment = k.segment and m.is_latest_closed
left join features.complaints as q on q.customer_id = l.customer_id
left join features.activity as a on a.customer_id = l.customer_id
left join payment_behaviour as b on b.customer_id = l.customer_id
left join features.service_lists as s on s.customer_id = l.customer_id
left join features.tier_overrides as d on d.customer_id = l.customer_id
left join bands as t on t.first_activation_date = l.first_activation_date
left join features.churn_bands as r
    on r.churn_band = case when k.has_postpaid_line then 'postpaid' else 'prepaid' end || ':' || t.tenure_band
