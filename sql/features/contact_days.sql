-- grain: one row a day and pair that talked: two customers, or a customer and a number of another network
-- owner: mediation
-- Who called, messaged or heard from whom in a day of the operator's time zone: those who held the two lines at that moment. Says who
-- talks with whom: kept in files of its own that only the pipeline opens, and read for the last eight full weeks only. Without service
-- numbers, short codes and unknown numbers.
with talked as (
    select
        h.customer_id,
        c.usage_date,
        c.answer_time,
        case when c.direction = 'outgoing' then c.called_number else c.calling_number end as other_number
    from staging.cdr as c
    join features.number_holdings as h
        on h.msisdn = c.served_msisdn and h.held_from <= c.answer_time and coalesce(c.answer_time < h.held_to, true)
    where c.usage_date = $usage_date and c.known_at < $known_before and c.call_type in ('voice', 'sms')
),

pairs as (
    -- Two customers are one pair, whichever side's record shows it.
    select
        t.usage_date,
        case when o.customer_id < t.customer_id then o.customer_id else t.customer_id end as customer_id,
        case when o.customer_id < t.customer_id then t.customer_id else o.customer_id end as other_customer_id,
        -- As an integer: half of the cost of a night's call graph is telling pairs apart.
        case when o.customer_id is null then substr(t.other_number, 2)::bigint end as other_number
    from talked as t
    left join features.number_holdings as o
        on o.msisdn = t.other_number and o.held_from <= t.answer_time and coalesce(t.answer_time < o.held_to, true)
    left join run.service_numbers as n on n.service_number = t.other_number
    where
        starts_with(t.other_number, '+') and n.service_number is null
        and coalesce(o.customer_id <> t.customer_id, true)
)

select
    usage_date, -- day in the operator's time zone
    customer_id, -- customer; of two of ours the one who sorts first
    other_customer_id, -- the other of two customers; null: another network's number
    other_number, -- number of another network, digits of E.164; null: a customer of ours
    case when other_number is not null then count(*) over (partition by other_number) end::integer
        as number_contacts -- customers who talked with that number on the day; null: a customer of ours
from pairs
group by usage_date, customer_id, other_customer_id, other_number
