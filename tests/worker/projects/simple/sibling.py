import dagster as dg


@dg.asset(key_prefix=["deep", "er"])
def shared(): ...
