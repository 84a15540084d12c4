-- grain: one row an occasion on which more tiers moved than the policy lets
-- owner: retention
-- severity: gate
-- More customers would move to another tier than the policy's cap for such a night, without a reason of their own (a list entry, an
-- override, a provisional tier): the policy, or a fault in the extracts, would treat callers differently in masses.
with moves as (
    select
        case
            when t.was_rated_until <= $as_of_date then 'rating_ended'
            when t.was_policy_version <> s.policy_version then 'other_policy'
            else 'other'
        end as kind,
        s.tier <> t.was_tier and s.tier_cause in ('promoted', 'demoted', 'rerated', 'adopted') as moved
    from scores.customer as s
    join features.tier_state as t on t.customer_id = s.customer_id
),

counted as (
    select
        kind,
        sum(case when moved then 1 else 0 end)::bigint as moved,
        (select count(*) from moves) as customers
    from moves
    group by kind
)

select
    c.occasion, -- first_run, month_close, night; adoption and validity for customers whom they concern
    m.moved, -- customers whose tier would move
    m.customers, -- customers scored tonight and the night before
    c.cap -- share of them that may move
from counted as m
join run.move_caps as c on c.kind = m.kind
where m.customers >= $gate_min_records and m.moved > c.cap * m.customers
