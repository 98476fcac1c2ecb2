import dagster as dg
from sibling import shared


@dg.asset(deps=[shared])
def mine(): ...


anything = dg.Definitions([mine, shared])
