import dagster as dg


@dg.op
def hello(): ...


@dg.graph
def only_graph():
    hello()
