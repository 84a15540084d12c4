-- grain: one row a customer who talked with anybody in the last eight full weeks
-- owner: retention
-- With how many others a customer talked in the last four full weeks and in the four before, whichever side's record shows it. A contact
-- on this network is a customer, on another one a number. Who talked with more than $hub_contacts others in one of the windows (a shop, a
-- switchboard, a sender of messages) is a hub: nobody's contact, and without counts of its own.
with likely_hubs as (
    -- Who talked with more than so many in 28 days talked with more than a 28th of them on one of the days: few, found without pairs.
    select other_number
    from features.contact_days
    where usage_date between $contacts_before_from and $contacts_until and number_contacts * 28 > $hub_contacts
    group by other_number
),

hub_numbers as (
    select other_number
    from (
        select
            d.other_number,
            d.customer_id,
            max(case when d.usage_date >= $contacts_from then 1 else 0 end) as is_recent,
            max(case when d.usage_date >= $contacts_from then 0 else 1 end) as is_earlier
        from features.contact_days as d
        join likely_hubs as h on h.other_number = d.other_number
        where d.usage_date between $contacts_before_from and $contacts_until
        group by d.other_number, d.customer_id
    ) as pairs
    group by other_number
    having greatest(sum(is_recent), sum(is_earlier)) > $hub_contacts
),

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
            max(case when usage_date >= $contacts_from then 1 else 0 end) as is_recent,
            max(case when usage_date >= $contacts_from then 0 else 1 end) as is_earlier
        from features.contact_days
        where usage_date between $contacts_before_from and $contacts_until and other_customer_id is null
        group by customer_id, other_number
    ) as p
    left join hub_numbers as n on n.other_number = p.other_number
    group by p.customer_id
),

on_net as (
    select customer_id, other_customer_id, is_recent, is_earlier
    from features.contact_pairs
    union all
    select other_customer_id as customer_id, customer_id as other_customer_id, is_recent, is_earlier
    from features.contact_pairs
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

counted_on_net as (
    select
        p.customer_id,
        sum(p.is_recent)::integer as contacts,
        sum(p.is_earlier)::integer as contacts_before,
        count(*)::integer as contacts_seen
    from on_net as p
    join talkers as o on o.customer_id = p.other_customer_id
    where not o.is_hub
    group by p.customer_id
)

select
    k.customer_id, -- customer
    k.is_hub, -- talked with too many others to be anybody's contact
    case
        when not k.is_hub then coalesce(f.contacts, 0) + coalesce(c.contacts, 0)
    end as contacts, -- others talked with in the last four full weeks; null: a hub
    case
        when not k.is_hub then coalesce(f.contacts_before, 0) + coalesce(c.contacts_before, 0)
    end as contacts_before, -- in the four before; null: a hub
    case
        when not k.is_hub then coalesce(c.contacts, 0)
    end as on_net_contacts, -- of the last four weeks' those on this network; null: a hub
    case
        when not k.is_hub then coalesce(c.contacts_seen, 0)
    end as on_net_contacts_seen -- contacts on this network in the eight weeks; null: a hub
from talkers as k
left join counted_off_net as f on f.customer_id = k.customer_id
left join counted_on_net as c on c.customer_id = k.customer_id
