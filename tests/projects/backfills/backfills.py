"""Two assets by number; one partition of the second fails as long as a file is there."""

from pathlib import Path

import dagster as dg

numbers = dg.StaticPartitionsDefinition([f"{number:04}" for number in range(2000)])
BAD = "0003"


@dg.asset(partitions_def=numbers)
def raw() -> None:
    pass


@dg.asset(partitions_def=numbers, deps=[raw], backfill_policy=dg.BackfillPolicy.multi_run(1))
def clean(context: dg.AssetExecutionContext) -> None:
    if context.partition_key == BAD and Path("broken").exists():
        raise ValueError("The file is broken.")


defs = dg.Definitions([raw, clean])
