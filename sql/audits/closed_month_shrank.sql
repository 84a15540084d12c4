-- grain: one row, if the last closed month has far fewer bills than a month before it
-- owner: billing
-- severity: gate
-- The last closed month has fewer bills, by the share max_volume_drop or more, than the fullest other month of the longest ARPU
-- window: the bill run may be incomplete, and ARPU would be of those months only.
with months as (
    select m.billing_period, row_number() over (order by m.billing_period desc) as recency
    from run.arpu_months as m
    group by m.billing_period
),

counted as (
    select m.billing_period, m.recency, count(b.bill_id) as bills
    from months as m
    left join staging.bills as b on b.billing_period = m.billing_period and b.known_at < $known_before
    group by m.billing_period, m.recency
),

compared as (
    select
        max(case when recency = 1 then billing_period end) as billing_period,
        max(case when recency = 1 then bills end) as bills,
        max(case when recency > 1 then bills end) as usual_bills
    from counted
)

select
    billing_period, -- last closed month
    bills, -- its bills
    usual_bills, -- bills of the fullest other month of the window
    $max_volume_drop as bound -- share by which they may not fall
from compared
where usual_bills >= $gate_min_records and bills <= (1 - $max_volume_drop) * usual_bills
