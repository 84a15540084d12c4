-- grain: one row a bill and line that it belongs to (customer_id null: a bill that no known line answers for)
-- owner: billing
-- Service revenue of the bills of any segment's ARPU window, by line and by who held the line at the end of the billing period. A bill
-- of an account as a whole is shared equally among its postpaid lines and, when a company pays it, its members' postpaid lines.
with signed as not materialized (
    -- Kept nowhere: bills of a line are nearly all, and cost less to read once more than to be held.
    select
        b.bill_id,
        b.account_id,
        b.subscription_id,
        b.billing_period,
        -- ARPU is service revenue: no tax, no device instalments, net of refunds.
        case when b.bill_type = 'credit' then -1 else 1 end
        * (
            b.rental_amount + b.voice_amount + b.long_distance_amount + b.roaming_amount
            + b.data_amount + b.messaging_amount + b.value_added_amount
        ) - b.refund_amount as service_amount,
        -- Of a prepaid line only the fees are taken from statements: its usage comes from the call detail records.
        case when b.bill_type = 'credit' then -1 else 1 end
        * (b.rental_amount + b.value_added_amount) - b.refund_amount as fee_amount,
        case when b.bill_type = 'credit' then -1 else 1 end * b.rental_amount as rental_amount,
        case when b.bill_type = 'credit' then -1 else 1 end * b.long_distance_amount as long_distance_amount,
        case when b.bill_type = 'credit' then -1 else 1 end * b.roaming_amount as roaming_amount
    from staging.bills as b
    where b.known_at < $known_before and b.billing_period in (select m.billing_period from run.arpu_months as m)
),

own as (
    select
        s.bill_id,
        s.billing_period,
        s.subscription_id,
        l.customer_id,
        l.payment_type,
        case when l.payment_type = 'prepaid' then s.fee_amount else s.service_amount end as amount,
        s.rental_amount,
        case when l.payment_type = 'prepaid' then 0 else s.long_distance_amount end as long_distance_amount,
        case when l.payment_type = 'prepaid' then 0 else s.roaming_amount end as roaming_amount
    from signed as s
    left join features.subscription_months as l
        on l.billing_period = s.billing_period and l.subscription_id = s.subscription_id
    where s.subscription_id is not null
),

-- Accounts and months with a bill of an account as a whole: few, so that only their lines are looked for.
whole_months as (
    select account_id, billing_period
    from signed
    where subscription_id is null
    group by account_id, billing_period
),

beneficiaries as (
    select w.account_id, w.billing_period, l.subscription_id, l.customer_id
    from whole_months as w
    join features.subscription_months as l on l.account_id = w.account_id and l.billing_period = w.billing_period
    where l.payment_type = 'postpaid' and l.in_service
    union
    select w.account_id, w.billing_period, l.subscription_id, l.customer_id
    from whole_months as w
    join features.account_owners as o on o.account_id = w.account_id and o.customer_type = 'group'
    join features.customers_known as c on c.group_id = o.customer_id
    join features.subscription_months as l on l.customer_id = c.customer_id and l.billing_period = w.billing_period
    where l.payment_type = 'postpaid' and l.in_service
),

whole as (
    -- Shared in units of 0.0001, the remainder one unit each to the first lines, so that shares add up to the bill, and those of
    -- its rental, long-distance and roaming components to these. A bill of nobody stays whole.
    select
        s.bill_id,
        s.billing_period,
        b.subscription_id,
        b.customer_id,
        (s.service_amount * 10000)::bigint as units,
        (s.rental_amount * 10000)::bigint as rental_units,
        (s.long_distance_amount * 10000)::bigint as long_distance_units,
        (s.roaming_amount * 10000)::bigint as roaming_units,
        greatest(count(b.subscription_id) over (partition by s.bill_id), 1) as sharers,
        row_number() over (partition by s.bill_id order by b.subscription_id) as position_in_bill
    from signed as s
    left join beneficiaries as b on b.account_id = s.account_id and b.billing_period = s.billing_period
    where s.subscription_id is null
),

shared as (
    select
        bill_id,
        billing_period,
        subscription_id,
        customer_id,
        'postpaid' as payment_type,
        (units // sharers
            + case when position_in_bill <= abs(units % sharers) then sign(units)::bigint else 0 end) * 0.0001 as amount,
        (rental_units // sharers
            + case when position_in_bill <= abs(rental_units % sharers) then sign(rental_units)::bigint else 0 end
        ) * 0.0001 as rental_amount,
        (long_distance_units // sharers
            + case when position_in_bill <= abs(long_distance_units % sharers) then sign(long_distance_units)::bigint else 0 end
        ) * 0.0001 as long_distance_amount,
        (roaming_units // sharers
            + case when position_in_bill <= abs(roaming_units % sharers) then sign(roaming_units)::bigint else 0 end
        ) * 0.0001 as roaming_amount
    from whole
)

select
    bill_id, -- bill
    billing_period, -- month, YYYY-MM
    subscription_id, -- line that it belongs to
    customer_id, -- who held the line at the end of the period
    payment_type, -- of the line
    amount::decimal(18, 4) as amount, -- service revenue (postpaid) or fees (prepaid), without tax
    rental_amount::decimal(18, 4) as rental_amount, -- fee of the plan, before refunds
    long_distance_amount::decimal(18, 4) as long_distance_amount, -- long-distance calls of a postpaid line, before refunds
    roaming_amount::decimal(18, 4) as roaming_amount -- use of a postpaid line while roaming, before refunds
from own
union all
select
    bill_id,
    billing_period,
    subscription_id,
    customer_id,
    payment_type,
    amount::decimal(18, 4),
    rental_amount::decimal(18, 4),
    long_distance_amount::decimal(18, 4),
    roaming_amount::decimal(18, 4)
from shared
