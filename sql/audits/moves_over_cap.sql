-- grain: one row an occasion on which more tiers moved than the policy lets
-- owner: retention
-- severity: gate
-- More customers would move to another tier than the policy's cap for such a night, without a reason of their own (a list entry, an
-- override, a provisional tier): the policy, or a fault in the extracts, would treat callers differently in masses. Compared is what
-- the published version says, also where it is of the same night.
with served as (
    select *, row_number() over (partition by customer_id order by valid_from desc) as recency
    from run.served_tiers
),

moves as (
    select
        case
            when v.rated_until <= $as_of_date then 'rating_ended'
            when v.policy_version <> s.policy_version then 'other_policy'
            else 'other'
        end as kind,
        v.policy_version as policy_before,
        s.policy_version as policy_now,
        s.tier <> v.tier
            and s.tier_cause in ('first_rating', 'promoted', 'demoted', 'rerated', 'adopted') as moved
    from scores.customer as s
    join served as v on v.customer_id = s.customer_id and v.recency = 1 and v.tier is not null
),

counted as (
    select
        kind,
        min(policy_before) as policy_before,
        min(policy_now) as policy_now,
        sum(case when moved then 1 else 0 end)::bigint as moved,
        (select count(*) from moves) as customers
    from moves
    group by kind
)

select
    c.occasion, -- first_run, month_close, night; adoption and validity for customers whom they concern
    m.moved, -- customers whose tier would move
    m.customers, -- customers scored tonight who are served already
    c.cap, -- share of them that may move
    m.policy_before, -- policy that the published version was made under
    m.policy_now -- policy of this night
from counted as m
join run.move_caps as c on c.kind = m.kind
where m.customers >= $gate_min_records and m.moved > c.cap * m.customers
