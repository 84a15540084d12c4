"""Churn: how likely a customer is to leave within the policy's horizon.
Nothing here decides what is done about it: that is the lifecycle stage's and the policy's."""
