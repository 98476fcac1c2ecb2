"""Assets of half a million partitions: static, windows of time, two dimensions, dynamic; each with an input. And two of 2,000 for a backfill."""

import dagster as dg

KEYS, REGIONS, HOURS, BACKFILLED = 500_000, 250, 2_000, 2_000

keys = dg.StaticPartitionsDefinition([f"key-{number:06d}" for number in range(KEYS)])
minutes = dg.TimeWindowPartitionsDefinition(
    start="2024-01-01-00:00", end="2024-12-13-05:20", cron_schedule="* * * * *", fmt="%Y-%m-%d-%H:%M"
)
both = dg.MultiPartitionsDefinition(
    {
        "hour": dg.HourlyPartitionsDefinition(start_date="2024-01-01-00:00", end_date="2024-03-24-08:00"),
        "region": dg.StaticPartitionsDefinition([f"region-{number:03d}" for number in range(REGIONS)]),
    }
)
dynamic = dg.DynamicPartitionsDefinition(name="customers")
# A partition is made from the ten that end with its own.
_TEN = dg.TimeWindowPartitionMapping(start_offset=-9)
few = dg.StaticPartitionsDefinition([f"few-{number:04d}" for number in range(BACKFILLED)])


def _asset(name: str, partitions: dg.PartitionsDefinition, *deps: dg.AssetDep) -> dg.AssetsDefinition:
    @dg.asset(name=name, partitions_def=partitions, deps=deps, code_version="1")
    def made() -> None: ...

    return made


_DEFINITIONS = {"static": keys, "minutes": minutes, "both": both, "dynamic": dynamic}
defs = dg.Definitions(
    assets=[
        *(_asset(f"{name}_source", found) for name, found in _DEFINITIONS.items()),
        *(
            _asset(name, found, dg.AssetDep(f"{name}_source", partition_mapping=_TEN if name == "minutes" else None))
            for name, found in _DEFINITIONS.items()
        ),
        _asset("few_source", few),
        _asset("few", few, dg.AssetDep("few_source")),
    ]
)
