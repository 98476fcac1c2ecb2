import dagster as dg


@dg.asset
def from_folder(): ...
