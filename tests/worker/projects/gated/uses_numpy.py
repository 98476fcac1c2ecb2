import dagster as dg
import numpy as np

a = np.random.rand(500, 500)
product = a @ a


@dg.asset
def multiplied(context):
    b = np.random.rand(300, 300)
    context.log.info("sum %s draw %s", (b @ b).sum() > 0, np.random.rand())


defs = dg.Definitions([multiplied])
