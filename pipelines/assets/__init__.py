"""The tables as Dagster assets. Each fetches from resources, calls one function, and hands over."""
