import dagster as dg


@dg.asset
def first(): ...


@dg.asset(deps=[first, "elsewhere"])
def second(): ...
