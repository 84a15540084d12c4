-- grain: one row a customer who talked with anybody in the last eight full weeks
-- owner: retention
-- With how many others a customer talked in full weeks, and what became of these: who of them has left by now, who was in the best tier.
with memory as (
    select count(*) > 0 as has_tiers
    from features.tier_state
),

customers_in_service as (
    select customer_id
    from features.subscriptions
    where in_service
    group by customer_id
),

-- Few have left and few are in the best tier: it is looked for their contacts, from either side of a pair.
gone as (
    select k.customer_id
    from features.contact_counts as k
    left join customers_in_service as s on s.customer_id = k.customer_id
    where s.customer_id is null and not k.is_hub
),

best as (
    select k.customer_id
    from features.contact_counts as k
    join features.tier_state as t on t.customer_id = k.customer_id
    where t.was_tier_flag = 1 and not k.is_hub
),

contacts_of as (
    select customer_id, sum(has_left)::integer as contacts_left, sum(is_best)::integer as best_tier_contacts
    from (
        select p.customer_id, 1 as has_left, 0 as is_best
        from features.contact_pairs as p
        join gone as g on g.customer_id = p.other_customer_id
        union all
        select p.other_customer_id, 1, 0
        from features.contact_pairs as p
        join gone as g on g.customer_id = p.customer_id
        union all
        select p.customer_id, 0, 1
        from features.contact_pairs as p
        join best as b on b.customer_id = p.other_customer_id
        where p.is_recent = 1
        union all
        select p.other_customer_id, 0, 1
        from features.contact_pairs as p
        join best as b on b.customer_id = p.customer_id
        where p.is_recent = 1
    ) as found
    group by customer_id
)

select
    k.customer_id, -- customer
    k.is_hub, -- talked with too many others to be anybody's contact
    k.contacts, -- others talked with in the last four full weeks; null: a hub
    k.contacts_before, -- in the four before; null: a hub
    k.on_net_contacts, -- of the last four weeks' those on this network; null: a hub
    k.on_net_contacts_seen, -- contacts on this network in the eight weeks; null: a hub
    case when not k.is_hub then coalesce(c.contacts_left, 0) end as contacts_left, -- of these without a line in service now; null: a hub
    case
        when not k.is_hub and m.has_tiers then coalesce(c.best_tier_contacts, 0)
    end as best_tier_contacts -- of the last four weeks' those in the best tier the night before; null: a hub, or no night before
from features.contact_counts as k
cross join memory as m
left join contacts_of as c on c.customer_id = k.customer_id
