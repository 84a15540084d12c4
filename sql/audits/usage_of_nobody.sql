-- grain: one row a day with records of numbers that nobody held
-- owner: mediation
-- severity: warn
-- Call detail records of the last 90 days that belong to no subscription. They are kept and counted, and are in nobody's usage.
select
    usage_date, -- day
    records, -- records
    charge_amount -- charged on them
from features.usage_daily
where subscription_id is null and usage_date between $activity_from and $as_of_date
