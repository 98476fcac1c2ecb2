"""Milliseconds that the door takes (`enter_organization`, then `at`), as a JSON list on the last line: `python -m benchmarks.door`.

The person is in three organizations and in five teams, and 42 grants hold for them in this one, 18 of them on parts of deployments.
Servers are started in a temporary folder, as for the tests.
"""

import time
from typing import Any

from benchmarks.servers import print_samples

WARM_UP, REPEATS = 50, 500
TEAMS, GRANTS_EACH, OTHER_ORGANIZATIONS = 5, 7, 2
# From here on a holder's grants are on parts.
FIRST_ON_PART = 4


def measure() -> list[float]:
    """One sample per request."""
    from tenants.access import Principal, enter_organization
    from tests.cast import make_cast

    cast = make_cast()
    principal, place = Principal(user=_busy_person(cast)), cast.deployment.place
    samples = []
    for _ in range(WARM_UP + REPEATS):
        began = time.perf_counter()
        enter_organization(principal, cast.org.slug).at(place)
        samples.append((time.perf_counter() - began) * 1000)
    return samples[WARM_UP:]


def _busy_person(cast: Any) -> Any:
    from tenants.models import Role
    from tenants.services import add_member
    from tests.cast import make_cast
    from tests.tenants.people import make_team, of, of_team, person

    user = person(cast)
    for number in range(OTHER_ORGANIZATIONS):
        add_member(org_id=make_cast(f"other{number}").org_id, user=user, role=Role.VIEWER)
    for holder in (of(user), *(of_team(make_team(cast, user)) for _ in range(TEAMS))):
        _give(cast, holder)
    return user


def _give(cast: Any, holder: Any) -> None:
    from tenants.models import Role, TargetKind
    from tests.tenants.people import WIDE, hold

    roles = (Role.VIEWER, Role.LAUNCHER, Role.EDITOR, Role.ADMIN)
    for number in range(GRANTS_EACH):
        on = {"target": TargetKind.LOCATION, "target_value": f"l{number}"} if number >= FIRST_ON_PART else {}
        where = {"scope": WIDE} if number % 2 else {}
        hold(cast, holder, role=roles[number % len(roles)], **on, **where)


if __name__ == "__main__":
    print_samples(measure)
