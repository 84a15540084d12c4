-- grain: one row a bill and line that it belongs to (customer_id null: a bill that no known line answers for)
-- owner: billing
-- Service revenue of the bills of the ARPU window, by line and by who held the line at the end of the billing period. A bill of an
-- account as a whole is shared equally among its postpaid lines and, when a company pays it, its members' postpaid lines.
with signed as (
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
        * (b.rental_amount + b.value_added_amount) - b.refund_amount as fee_amount
    from staging.bills as b
    join run.arpu_months as m on m.billing_period = b.billing_period
    where b.known_at < $known_before
),

own as (
    select
        s.bill_id,
        s.billing_period,
        s.subscription_id,
        l.customer_id,
        l.payment_type,
        case when l.payment_type = 'prepaid' then s.fee_amount else s.service_amount end as amount
    from signed as s
    left join features.subscription_months as l
        on l.billing_period = s.billing_period and l.subscription_id = s.subscription_id
    where s.subscription_id is not null
),

beneficiaries as (
    select l.account_id, l.billing_period, l.subscription_id, l.customer_id
    from features.subscription_months as l
    where l.payment_type = 'postpaid' and l.in_service
    union
    select o.account_id, l.billing_period, l.subscription_id, l.customer_id
    from features.subscription_months as l
    join features.customers_known as c on c.customer_id = l.customer_id
    join features.account_owners as o on o.customer_id = c.group_id and o.customer_type = 'group'
    where l.payment_type = 'postpaid' and l.in_service
),

whole as (
    -- Shared in units of 0.0001, the remainder one unit each to the first lines, so that shares add up to the bill.
    select
        s.bill_id,
        s.billing_period,
        b.subscription_id,
        b.customer_id,
        (s.service_amount * 10000)::bigint as units,
        count(b.subscription_id) over (partition by s.bill_id) as sharers,
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
        case
            when sharers = 0 then units
            else
                units // sharers
                + case when position_in_bill <= abs(units % sharers) then sign(units)::bigint else 0 end
        end * 0.0001 as amount
    from whole
)

select
    bill_id, -- bill
    billing_period, -- month, YYYY-MM
    subscription_id, -- line that it belongs to
    customer_id, -- who held the line at the end of the period
    payment_type, -- of the line
    amount::decimal(18, 4) as amount -- service revenue (postpaid) or fees (prepaid), without tax
from own
union all
select bill_id, billing_period, subscription_id, customer_id, payment_type, amount::decimal(18, 4)
from shared
