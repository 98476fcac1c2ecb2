"""Other organizations beside the measured one, in the database of an installation: run as a program, with its settings.

`python -m benchmarks.own.crowd history ORGS RUNS` adds organizations with a history of runs, and prints tokens of a few of them as JSON.
`python -m benchmarks.own.crowd queue RUNS` adds one organization with so many queued runs, and prints its tokens.
"""

import json
import sys
from typing import Any
from uuid import UUID

import django

SAMPLED = 25
# Ids as uuid7 makes them: 48 bits of milliseconds, then chance. Spread over ten minutes, so that they are all of this week.
_ID = """(lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - (random() * 600000)::bigint), 12, '0')
          || '7' || substr(md5(random()::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid"""


def main() -> None:
    django.setup()
    what, *numbers = sys.argv[1:]
    print(json.dumps(_history(*map(int, numbers)) if what == "history" else _queue(*map(int, numbers))))


def _history(organizations: int, runs: int) -> list[dict[str, str]]:
    sampled = [_organization(f"sampled-{number}") for number in range(SAMPLED)]
    _add_organizations(organizations - SAMPLED)
    with _cursor("door") as cursor:
        _copy_runs(cursor, sampled[0], runs, every_deployment=True, status="SUCCESS")
    # As autovacuum does within a minute; only the owner may.
    with _cursor("owner") as cursor:
        cursor.execute("ANALYZE run, deployment, organization, membership, access_grant")
    return sampled


def _queue(runs: int) -> list[dict[str, str]]:
    greedy = _organization("greedy")
    with _cursor("door") as cursor:
        _copy_runs(cursor, greedy, runs, every_deployment=False, status="QUEUED")
    return [greedy]


def _add_organizations(count: int) -> None:
    from controlplane.deployments.models import Deployment
    from tenants.models import Organization

    made = [Organization(slug=f"crowd-{number}", name=f"Crowd {number}") for number in range(count)]
    Organization.objects.bulk_create(made, batch_size=1000)
    places = [Deployment(org_id=organization.id, name="prod") for organization in made]
    Deployment.objects.across_orgs(reason="a crowd for measures").bulk_create(places, batch_size=1000)


def _organization(slug: str) -> dict[str, str]:
    """Made as the product makes it, with a location that has loaded and one run to copy."""
    from tests.cast import make_cast
    from tests.factories import make_agent, make_location, queue_run

    cast = make_cast(slug)
    agent = make_agent(cast)
    version = make_location(cast, agents=[agent]).current
    assert version is not None  # it has just loaded
    run = queue_run(cast)
    texts = {"token": cast.user_token.text, "agent_token": cast.agent_token.text}
    loaded = {"agent": agent.name, "version_id": str(version.id), "manifest_sha256": version.manifest_sha256}
    return {"slug": cast.org.slug, "org_id": str(cast.org_id), "run_id": str(run.id), **texts, **loaded}


def _copy_runs(cursor: Any, of: dict[str, str], count: int, *, every_deployment: bool, status: str) -> None:
    """So many more runs like the one given; over all deployments, or in its own."""
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'run'::regclass AND attnum > 0 AND NOT attisdropped"
    )
    columns = [name for (name,) in cursor.fetchall()]
    other = {"id": _ID, "status": f"'{status}'"}
    if status == "SUCCESS":
        other |= {"ended_at": "now()", "started_at": "now()", "claimed_at": "now()"}
    if every_deployment:
        other |= {"org_id": "d.org_id", "deployment_id": "d.id"}
    values = ", ".join(other.get(name, f"r.{name}") for name in columns)
    places, total = "(SELECT 1 AS number) d", 1
    if every_deployment:
        places = "(SELECT org_id, id, row_number() OVER () AS number FROM deployment) d"
        cursor.execute("SELECT count(*) FROM deployment")
        [(total,)] = cursor.fetchall()
    cursor.execute(
        f"""INSERT INTO run ({", ".join(columns)}) SELECT {values}
            FROM generate_series(1, %s) n JOIN {places} ON d.number = n %% %s + 1, run r WHERE r.id = %s""",
        [count, total, UUID(of["run_id"])],
    )


def _cursor(role: str) -> Any:
    from django.db import connections

    return connections[role].cursor()


if __name__ == "__main__":
    main()
