-- grain: one row a feature of the churn model
-- owner: retention
-- severity: warn
-- Features, or the risk itself, whose distribution has shifted from what the model was fitted on: train anew, and look what has changed.
select
    feature, -- feature, or churn_risk
    stability_index, -- population stability index
    model_version -- model that was fitted on other customers
from scores.churn_drift
where stability_index >= $drift_limit
order by stability_index desc, feature
