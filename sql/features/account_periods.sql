-- grain: one row an account and billing period that fell due in the last 12 months
-- owner: billing
-- What was owed for a month, when it was settled, and what is overdue on the as-of date, as known then.
with reach as (
    -- Months before the first one that fell due in the last 12 months can't matter: neither their bills nor their payments are read on.
    select min(billing_period) as first_period
    from staging.bills
    where bill_type = 'invoice' and payment_due_date >= $credit_from and known_at < $known_before
),

owed as (
    select
        account_id,
        billing_period,
        -- Due dates are those of invoices; an adjustment, or a bill over nothing, neither sets nor moves one.
        max(case when bill_type = 'invoice' then payment_due_date end) as payment_due_date,
        sum(case when bill_type = 'credit' then -amount_due else amount_due end)::decimal(18, 4) as amount_due
    from staging.bills
    where known_at < $known_before and amount_due <> 0 and billing_period >= (select first_period from reach)
    group by account_id, billing_period
),

due as (
    select *
    from owed
    where payment_due_date between $credit_from and $as_of_date and amount_due > 0
),

payments as (
    select
        p.account_id,
        p.billing_period,
        p.paid_date,
        sum(p.amount) over (
            partition by p.account_id, p.billing_period
            order by p.paid_at, p.payment_id
            rows between unbounded preceding and current row
        ) as paid_so_far
    from staging.payments as p
    where
        p.kind = 'payment' and p.known_at < $known_before and p.paid_date <= $as_of_date
        and p.billing_period >= (select first_period from reach)
),

settlement as (
    select
        d.account_id,
        d.billing_period,
        max(p.paid_so_far) as paid_amount,
        min(case when p.paid_so_far >= d.amount_due then p.paid_date end) as settled_date
    from due as d
    join payments as p on p.account_id = d.account_id and p.billing_period = d.billing_period
    group by d.account_id, d.billing_period
)

select
    d.account_id, -- account
    d.billing_period, -- month, YYYY-MM
    d.payment_due_date, -- last day to pay
    d.amount_due, -- owed for the month, tax included, net of credits
    coalesce(s.paid_amount, 0)::decimal(18, 4) as paid_amount, -- paid by the as-of date
    s.settled_date, -- day on which payments reached what was owed
    coalesce(s.settled_date <= d.payment_due_date, false) as paid_on_time, -- settled by the due date
    greatest(
        date_diff('day', d.payment_due_date, coalesce(s.settled_date, $as_of_date)), 0
    )::integer as days_past_due, -- to the settlement or the as-of date
    greatest(d.amount_due - coalesce(s.paid_amount, 0), 0)::decimal(18, 4) as overdue_amount -- still owed
from due as d
left join settlement as s on s.account_id = d.account_id and s.billing_period = d.billing_period
