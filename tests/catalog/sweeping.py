"""The sweep of freshness in a database that holds the deployments of many other tests."""

from controlplane.catalog import freshness_sweep


def sweep_freshness() -> None:
    """As many sweeps as it takes until every deployment had its turn: one looks at some hundreds, chosen by chance."""
    while freshness_sweep.sweep():
        pass
