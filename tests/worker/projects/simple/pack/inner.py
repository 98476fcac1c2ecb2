import dagster as dg


@dg.asset
def inside(): ...
