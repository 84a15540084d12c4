-- grain: one row a model file
-- owner: retention
-- severity: warn
-- Churn models that should have scored this night and were not loaded, because their files are not what was written: the last good
-- model before them took their place, or the rates of bands. Copy the file back from a backup, or train anew.
select
    model_version, -- model
    fault, -- what is wrong with it
    scored_by -- what scored the night instead
from run.refused_models
