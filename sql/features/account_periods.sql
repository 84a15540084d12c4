-- grain: one row an account and billing period that fell due in the last 12 months
-- owner: billing
-- What was owed for a month, when it was settled, and what is overdue on the as-of date, as known then.
with reach as (
    -- Months before the first one that fell due in the last 12 months can't matter: neither their bills nor their payments are read on.
    select min(billing_period) as first_period
    from staging.bills
    where bill_type = 'invoice' and payment_due_date >= $credit_from and known_at < $known_before
),

payments as (
    select account_id, billing_period, paid_at, payment_id, paid_date, amount
    from staging.payments
    where
        kind = 'payment' and known_at < $known_before and paid_date <= $as_of_date
        and billing_period >= (select first_period from reach)
),

-- What was billed and what was paid, side by side in one pass.
periods as (
    select
        account_id,
        billing_period,
        max(payment_due_date) as payment_due_date,
        sum(amount_due)::decimal(18, 4) as amount_due,
        sum(payments) as payments,
        max(paid_amount) as paid_amount,
        max(paid_date) as paid_date
    from (
        select
            account_id,
            billing_period,
            -- Due dates are those of invoices; an adjustment, or a bill over nothing, neither sets nor moves one.
            case when bill_type = 'invoice' then payment_due_date end as payment_due_date,
            case when bill_type = 'credit' then -amount_due else amount_due end as amount_due,
            0 as payments,
            null as paid_amount,
            null as paid_date
        from staging.bills
        where known_at < $known_before and amount_due <> 0 and billing_period >= (select first_period from reach)
        union all
        select account_id, billing_period, null, 0, 1, amount, paid_date
        from payments
    ) as entries
    group by account_id, billing_period
),

due as (
    select *
    from periods
    where payment_due_date between $credit_from and $as_of_date and amount_due > 0
),

-- Nearly all months are paid at once: only the others need their payments one after the other.
instalments as (
    select
        p.account_id,
        p.billing_period,
        p.paid_date,
        d.amount_due,
        sum(p.amount) over (
            partition by p.account_id, p.billing_period
            order by p.paid_at, p.payment_id
            rows between unbounded preceding and current row
        ) as paid_so_far
    from payments as p
    join due as d on d.account_id = p.account_id and d.billing_period = p.billing_period
    where d.payments > 1
),

settled_late as (
    select
        account_id,
        billing_period,
        max(paid_so_far) as paid_amount,
        min(case when paid_so_far >= amount_due then paid_date end) as settled_date
    from instalments
    group by account_id, billing_period
),

settlement as (
    select
        d.account_id,
        d.billing_period,
        d.payment_due_date,
        d.amount_due,
        case when d.payments > 1 then s.paid_amount else d.paid_amount end as paid_amount,
        case
            when d.payments > 1 then s.settled_date
            when d.paid_amount >= d.amount_due then d.paid_date
        end as settled_date
    from due as d
    left join settled_late as s on s.account_id = d.account_id and s.billing_period = d.billing_period
)

select
    account_id, -- account
    billing_period, -- month, YYYY-MM
    payment_due_date, -- last day to pay
    amount_due, -- owed for the month, tax included, net of credits
    coalesce(paid_amount, 0)::decimal(18, 4) as paid_amount, -- paid by the as-of date
    settled_date, -- day on which payments reached what was owed
    coalesce(settled_date <= payment_due_date, false) as paid_on_time, -- settled by the due date
    greatest(
        date_diff('day', payment_due_date, coalesce(settled_date, $as_of_date)), 0
    )::integer as days_past_due, -- to the settlement or the as-of date
    greatest(amount_due - coalesce(paid_amount, 0), 0)::decimal(18, 4) as overdue_amount -- still owed
from settlement
