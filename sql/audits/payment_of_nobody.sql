-- grain: one row a payment that settles no bill
-- owner: billing
-- severity: warn
-- Payments without a billing period, or of an account without a line: they count for nobody's credit. Map the period that they pay.
select
    p.payment_id, -- payment
    p.account_id, -- account
    p.billing_period -- month that it pays; null: not given
from staging.payments as p
left join features.account_owners as o on o.account_id = p.account_id
where p.kind = 'payment' and p.known_at < $known_before and (p.billing_period is null or o.account_id is null)
