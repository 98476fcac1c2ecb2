import dagster as dg
from pack.inner import inside

defs = dg.Definitions([inside])
