import dagster as dg


@dg.asset
def lazy_asset(): ...


@dg.definitions
def build():
    return dg.Definitions([lazy_asset])
