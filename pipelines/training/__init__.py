"""Training of the churn model: what it learns from, which model decides, and the job that makes one.
Fitting itself is pure and belongs in segmentation/churn."""
