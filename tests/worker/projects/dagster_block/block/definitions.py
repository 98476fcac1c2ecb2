import dagster as dg


@dg.asset
def from_block(): ...


defs = dg.Definitions([from_block])
