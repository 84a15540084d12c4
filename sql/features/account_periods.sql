-- grain: one row an account and billing period that fell due in the last 12 months
-- owner: billing
-- What was owed for a month, when it was settled, and what is overdue on the as-of date, as known then.
with reach as (
    -- A month of which no invoice fell due in the last 12 months can't matter: neither its bills nor its payments are read on.
    select billing_period
    from staging.bills
    where bill_type = 'invoice' and payment_due_date between $credit_from and $as_of_date and known_at < $known_before
    group by billing_period
),

payments as not materialized (
    -- Kept nowhere: few of them are looked at a second time, and they cost less to read once more than to be held.
    select account_id, billing_period, paid_at, payment_id, paid_date, amount
    from staging.payments
    where
        kind = 'payment' and known_at < $known_before and paid_date <= $as_of_date
        and billing_period in (select billing_period from reach)
),

-- What was billed and what was paid, side by side in one pass.
periods as (
    select
        account_id,
        billing_period,
        max(payment_due_date) as payment_due_date,
        sum(amount_due)::decimal(18, 4) as amount_due,
        count(paid_amount) as payments,
        max(paid_amount) as paid_amount,
        max(paid_date) as paid_date
    from (
        select
            account_id,
            billing_period,
            -- Due dates are those of invoices; an adjustment, or a bill over nothing, neither sets nor moves one.
            case when bill_type = 'invoice' then payment_due_date end as payment_due_date,
            case when bill_type = 'credit' then -amount_due else amount_due end as amount_due,
            null as paid_amount,
            null as paid_date
        from staging.bills
        where known_at < $known_before and amount_due <> 0 and billing_period in (select billing_period from reach)
        union all
        select account_id, billing_period, null, null, amount, paid_date
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
        d.payment_due_date,
        d.amount_due,
        p.paid_date,
        sum(p.amount) over (
            partition by p.account_id, p.billing_period
            order by p.paid_at, p.payment_id
            rows between unbounded preceding and current row
        ) as paid_so_far
    from payments as p
    join due as d on d.account_id = p.account_id and d.billing_period = p.billing_period
    where d.payments > 1
),

settlement as (
    select
        account_id,
        billing_period,
        payment_due_date,
        amount_due,
        paid_amount,
        case when paid_amount >= amount_due then paid_date end as settled_date
    from due
    where payments <= 1
    union all
    select
        account_id,
        billing_period,
        payment_due_date,
        amount_due,
        max(paid_so_far) as paid_amount,
        min(case when paid_so_far >= amount_due then paid_date end) as settled_date
    from instalments
    group by account_id, billing_period, payment_due_date, amount_due
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
