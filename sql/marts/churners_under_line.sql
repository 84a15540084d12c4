-- grain: one row
-- owner: retention
-- Whether those who left spent little, beside everybody: customers in service at the horizon's beginning, of them those without a line in
-- service now, and how many of each have an ARPU under the policy's line.
with claim as (
    select metric, claimed_share, line_amount, horizon_date
    from run.claims
    where metric = 'churners_under_line_share'
),

cohort as (
    select h.customer_id, n.customer_id is null as has_left
    from claim as c
    join marts.tier_history as h on h.valid_from <= c.horizon_date and coalesce(h.valid_to > c.horizon_date, true)
    left join marts.tier_history as n on n.customer_id = h.customer_id and n.valid_to is null
),

-- ARPU as in scores.measures, which has nobody without a line: of each part that has a closed month. Compared without dividing.
spend as (
    select
        customer_id,
        case when billed_months > 0 then billed_amount + prepaid_fee_amount else 0 end as billed,
        case when usage_months > 0 then prepaid_usage_amount else 0 end as used,
        greatest(billed_months, 1) as billed_months,
        greatest(usage_months, 1) as usage_months,
        (billed_months > 0 and (has_postpaid_line or billed_amount <> 0))
        or (usage_months > 0 and (has_prepaid_line or prepaid_usage_amount <> 0 or prepaid_fee_amount <> 0))
        or (billed_months > 0 and prepaid_fee_amount <> 0) as is_known
    from features.customer
),

judged as (
    select
        o.has_left,
        coalesce(s.is_known, false) as is_known,
        coalesce(
            s.is_known
            and s.billed * s.usage_months + s.used * s.billed_months < c.line_amount * s.billed_months * s.usage_months,
            false
        ) as is_under
    from cohort as o
    cross join claim as c
    left join spend as s on s.customer_id = o.customer_id
),

counted as (
    select
        coalesce(sum(case when is_known then 1 else 0 end), 0)::bigint as customers,
        coalesce(sum(case when is_under then 1 else 0 end), 0)::bigint as under_line,
        coalesce(sum(case when is_known then 0 else 1 end), 0)::bigint as without_arpu,
        coalesce(sum(case when has_left and is_known then 1 else 0 end), 0)::bigint as churners,
        coalesce(sum(case when has_left and is_under then 1 else 0 end), 0)::bigint as churners_under,
        coalesce(sum(case when has_left and not is_known then 1 else 0 end), 0)::bigint as churners_without_arpu
    from judged
)

select
    $as_of_date::date as as_of_date, -- the day described
    c.horizon_date, -- day on which they were in service
    c.line_amount, -- ARPU that the policy draws the line at; null: none drawn
    n.customers, -- customers in service on that day whose ARPU is known
    case when c.line_amount is not null then n.under_line end as customers_under_line, -- of them with an ARPU under the line
    n.without_arpu as customers_without_arpu, -- beside them, customers whose ARPU is not known
    n.churners, -- of the customers those without a line in service now
    case when c.line_amount is not null then n.churners_under end as churners_under_line, -- of them with an ARPU under the line
    n.churners_without_arpu, -- beside them, churners whose ARPU is not known
    case
        when c.line_amount is not null and n.churners > 0
            then ((2000000 * n.churners_under + n.churners) // (2 * n.churners)) * 0.000001
    end::decimal(7, 6) as churners_share, -- metric churners_under_line_share
    case
        when c.line_amount is not null and n.customers > 0
            then ((2000000 * n.under_line + n.customers) // (2 * n.customers)) * 0.000001
    end::decimal(7, 6) as customers_share, -- metric customers_under_line_share
    case
        when c.line_amount is not null and n.churners > 0 and n.under_line > 0
            then (
                (20000::hugeint * n.churners_under * n.customers + n.churners::hugeint * n.under_line)
                // (2::hugeint * n.churners * n.under_line)
            ) * 0.0001
    end::decimal(18, 4) as lift, -- metric churners_under_line_lift
    c.claimed_share -- share of churners that others claim
from claim as c
cross join counted as n
