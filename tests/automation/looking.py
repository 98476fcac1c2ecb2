"""What the clock looks for, in a database that holds the deployments of many other tests: one look takes some hundreds of them."""

from controlplane.automation.conditions import waking


def look_for_changes() -> None:
    """As many looks as it takes until every deployment with changes had its turn."""
    while waking.beat():
        pass


def look_at_definitions() -> None:
    """The same of deployments whose definitions are other than evaluated."""
    while waking.sweep() == waking._MAX:
        pass
