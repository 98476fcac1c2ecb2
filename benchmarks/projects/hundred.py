"""A hundred assets without dependencies, for runs of a hundred steps. A plain Dagster project."""

import dagster as dg

NAMES = [f"step_{number:03d}" for number in range(100)]


def _asset(name: str) -> dg.AssetsDefinition:
    @dg.asset(name=name)
    def nothing() -> None:
        """Does nothing."""

    return nothing


defs = dg.Definitions(assets=[_asset(name) for name in NAMES])
