import dagster as dg


@dg.asset(owners=["not an owner"])
def odd(): ...


defs = dg.Definitions([odd])
