import dagster as dg


@dg.op
def hello(): ...


@dg.job
def only_job():
    hello()
