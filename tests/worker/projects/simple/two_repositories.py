import dagster as dg


@dg.asset
def a(): ...


@dg.asset
def b(): ...


@dg.repository
def repository_a():
    return [a]


@dg.repository
def repository_b():
    return [b]
