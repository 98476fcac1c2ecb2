import dagster as dg


@dg.asset
def kept(): ...


@dg.repository
def the_repository():
    return [kept]
