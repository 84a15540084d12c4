-- grain: one row a customer who talked with anybody in the last 56 days
-- owner: retention
-- With how many others a customer talked in the last 28 days and in the 28 before, whichever side's record shows it. A contact on this
-- network is a customer, on another one a number. Who talked with more than $hub_contacts others in one of the windows (a shop, a
-- switchboard, a sender of messages) is a hub: nobody's contact, and without counts of its own.
with likely_hubs as (
    -- Who talked with more than so many in 28 days talked with more than a 28th of them on one of the days: few, found without pairs.
    select other_number
    from features.contact_days
    where usage_date between $earlier_from and $as_of_date and number_contacts * 28 > $hub_contacts
    group by other_number
),

hub_numbers as (
    select other_number
    from (
        select
            d.other_number,
            d.customer_id,
            max(case when d.usage_date >= $recent_from then 1 else 0 end) as is_recent,
            max(case when d.usage_date >= $recent_from then 0 else 1 end) as is_earlier
        from features.contact_days as d
        join likely_hubs as h on h.other_number = d.other_number
        where d.usage_date between $earlier_from and $as_of_date
        group by d.other_number, d.customer_id
    ) as pairs
    group by other_number
    having greatest(sum(is_recent), sum(is_earlier)) > $hub_contacts
),

-- Contacts on other networks and on this one are counted apart: two short keys a pair, since pairs are many.
counted_off_net as (
    select
        p.customer_id,
        sum(p.is_recent)::integer as talked_with,
        sum(p.is_earlier)::integer as talked_with_before,
        sum(case when n.other_number is null then p.is_recent else 0 end)::integer as contacts,
        sum(case when n.other_number is null then p.is_earlier else 0 end)::integer as contacts_before
    from (
        select
            customer_id,
            other_number,
            max(case when usage_date >= $recent_from then 1 else 0 end) as is_recent,
            max(case when usage_date >= $recent_from then 0 else 1 end) as is_earlier
        from features.contact_days
        where usage_date between $earlier_from and $as_of_date and other_customer_id is null
        group by customer_id, other_number
    ) as p
    left join hub_numbers as n on n.other_number = p.other_number
    group by p.customer_id
),

on_net_pairs as (
    select
        customer_id,
        other_customer_id,
        max(case when usage_date >= $recent_from then 1 else 0 end) as is_recent,
        max(case when usage_date >= $recent_from then 0 else 1 end) as is_earlier
    from features.contact_days
    where usage_date between $earlier_from and $as_of_date and other_customer_id is not null
    group by customer_id, other_customer_id
),

on_net as (
    select customer_id, other_customer_id, is_recent, is_earlier
    from on_net_pairs
    union all
    select other_customer_id as customer_id, customer_id as other_customer_id, is_recent, is_earlier
    from on_net_pairs
),

talkers as (
    select customer_id, greatest(sum(recent), sum(earlier)) > $hub_contacts as is_hub
    from (
        select customer_id, talked_with as recent, talked_with_before as earlier
        from counted_off_net
        union all
        select customer_id, sum(is_recent)::integer as recent, sum(is_earlier)::integer as earlier
        from on_net
        group by customer_id
    ) as both_networks
    group by customer_id
),

customers_in_service as (
    select customer_id
    from features.subscriptions
    where in_service
    group by customer_id
),

memory as (
    select count(*) > 0 as has_tiers
    from features.tier_state
),

counted_on_net as (
    select
        p.customer_id,
        sum(p.is_recent)::integer as contacts,
        sum(p.is_earlier)::integer as contacts_before,
        count(*)::integer as contacts_seen,
        sum(case when s.customer_id is null then 1 else 0 end)::integer as contacts_left,
        sum(case when t.was_tier_flag = 1 then p.is_recent else 0 end)::integer as best_tier_contacts
    from on_net as p
    join talkers as o on o.customer_id = p.other_customer_id
    left join customers_in_service as s on s.customer_id = p.other_customer_id
    left join features.tier_state as t on t.customer_id = p.other_customer_id
    where not o.is_hub
    group by p.customer_id
)

select
    k.customer_id, -- customer
    k.is_hub, -- talked with too many others to be anybody's contact
    case
        when not k.is_hub then coalesce(f.contacts, 0) + coalesce(c.contacts, 0)
    end as contacts, -- others talked with in the last 28 days; null: a hub
    case
        when not k.is_hub then coalesce(f.contacts_before, 0) + coalesce(c.contacts_before, 0)
    end as contacts_before, -- in the 28 days before; null: a hub
    case
        when not k.is_hub then coalesce(c.contacts, 0)
    end as on_net_contacts, -- of the last 28 days' those on this network; null: a hub
    case
        when not k.is_hub then coalesce(c.contacts_seen, 0)
    end as on_net_contacts_seen, -- contacts on this network in the 56 days; null: a hub
    case when not k.is_hub then coalesce(c.contacts_left, 0) end as contacts_left, -- of these without a line in service now; null: a hub
    case
        when not k.is_hub and m.has_tiers then coalesce(c.best_tier_contacts, 0)
    end as best_tier_contacts -- of the last 28 days' those in the best tier the night before; null: a hub, or no night before
from talkers as k
cross join memory as m
left join counted_off_net as f on f.customer_id = k.customer_id
left join counted_on_net as c on c.customer_id = k.customer_id
