"""Pictures of every page, wide and narrow, light and dark: `python -m tests.ui.look [folder] [words of page names]`."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests import session

_WIDTHS = {"wide": (1280, 900), "narrow": (390, 844)}
_LOOKS = (("wide", "light"), ("narrow", "dark"), ("wide", "dark"), ("narrow", "light"))
# With this word only the first two; with the other the whole page, not what a screen shows.
_BRIEF = "--brief"
_FULL = "--full"
_SETTLE_MS = 450


def pages(words: list[str]) -> Iterator[tuple[str, Any, str]]:
    """Name, cast and path of every page to look at; only worlds that a word could mean are made."""
    from tests.ui import (
        automation_world,
        backfills_world,
        branches_world,
        conditions_world,
        delivery_world,
        git_world,
        health_world,
        people_world,
        queue_world,
        timeline_world,
        world,
    )

    for name, make, paths in (
        (_EMPTY, world.make_empty, _empty),
        ("shop", world.make_shop, _shop),
        ("hostile", world.make_hostile, _hostile),
        ("many", world.make_many, _many),
        ("people", people_world.make_people, _people),
        ("git", git_world.make_git, _git),
        ("branches", branches_world.make_branches, _branches),
        ("delivery", delivery_world.make_delivery, _delivery),
        ("backfills", backfills_world.make_backfills, _backfills),
        ("conditions", conditions_world.make_conditions, _conditions),
        ("automation", automation_world.make_automation, _automation),
        ("queue", queue_world.make_queue, _queue),
        ("health", health_world.make_health, _health),
        ("timeline", timeline_world.make_timeline, _timeline),
        ("crowd", automation_world.make_crowd, _crowd),
    ):
        if words and not any(word.startswith(name) for word in words):
            continue
        made = make()
        cast = getattr(made, "cast", made)
        yield from (
            (f"{name}-{page}", cast, path)
            for page, path in paths(made)
            if not words or any(f"{name}-{page}".startswith(word) for word in words)
        )


_EMPTY = "empty"


def _queue(_made: Any) -> Iterator[tuple[str, str]]:
    yield from (("waiting", "queue"), ("pools", "pools"), ("nothing", "queue?job=nothing"))


def _timeline(_made: Any) -> Iterator[tuple[str, str]]:
    yield from (("jobs", "timeline"), ("day", "timeline?range=24h&group=automation"), ("runs", "runs"))
    yield from (("none", "timeline?job=nothing"), ("bulk", "runs/bulk?kind=cancel&all=1"))


def _backfills(made: Any) -> Iterator[tuple[str, str]]:
    yield from (("list", "backfills"), ("none", "backfills?asset=nothing"), ("failed", f"backfills/{made.failed.id}"))
    yield from (("going", f"backfills/{made.going.id}"), ("new", "backfills/new?assets=orders&assets=revenue"))
    yield from (("multi", "backfills/new?assets=by_region"), ("places", "dynamic-partitions"))


def _conditions(_cast: Any) -> Iterator[tuple[str, str]]:
    yield from ((key, f"assets/{key}?tab=automation") for key in ("revenue", "totals", "broken", "orders"))
    yield "list", "automation"
    yield "sensor", "automation/named?kind=sensor&location=shop&name=default_automation_condition_sensor"


def _empty(_cast: Any) -> Iterator[tuple[str, str]]:
    yield "overview", ""
    yield from (
        ("git", "../settings/git"),
        ("branches", "../branches"),
        ("promotions", "promotions"),
        ("new", "../new"),
    )
    yield "document", "settings/document"
    yield from (("settings", "settings"), ("quotas", "../settings/quotas"), ("deployments", "../settings/deployments"))
    yield from (("token", "../settings/agent-tokens"), ("add", "code-location/new"))
    yield from (
        (name, name) for name in ("assets", "lineage", "jobs", "runs", "automation", "code-locations", "agents")
    )


def _many(_stage: Any) -> Iterator[tuple[str, str]]:
    yield from (("overview", ""), ("assets", "assets"), ("lineage", "lineage"))


def _people(people: Any) -> Iterator[tuple[str, str]]:
    yield from (
        (name, f"../settings/{name}") for name in ("members", "teams", "roles", "quotas", "audit", "sso", "scim")
    )
    yield "member", f"../settings/members/{people.busy.pk}?deployment=prod"
    yield "team", f"../settings/teams/{people.team.id}"


def _branches(world: Any) -> Iterator[tuple[str, str]]:
    there = world.changed.name
    sleeping, held, _closing, archived = (one.deployment.name for one in world.others[1:5])
    yield from (("list", "../branches"), ("list-none", "../branches?q=nothing"), ("first", f"../{there}/"))
    yield from ((tab, f"../{there}/?tab={tab}") for tab in ("lineage", "results"))
    yield from (
        ("materialize", f"../{there}/branch/materialize?affected=1"),
        ("commit", f"../d/{there}@bbbbbbb"),
        ("held", f"../{held}/"),
        ("sleeping", f"../{sleeping}/"),
        ("archived", f"../{archived}/"),
        ("list-all", "../branches?state=all"),
        ("environment", f"../{there}/environment"),
        ("nothing-to-materialize", f"../{held}/branch/materialize"),
        ("whole-lineage", f"../{there}/lineage?asset=returns"),
        ("assets", f"../{there}/assets"),
    )


def _delivery(stage: Any) -> Iterator[tuple[str, str]]:
    from controlplane.deployments.freezing import freeze
    from tests.ui.delivery_world import promotion_of

    cast = stage.cast
    yield from (("location", "code-locations/shop"), ("version", "code-location/version?name=shop&number=2"))
    yield from (("add", "code-location/new"), ("settings", "settings"), ("list", "../settings/deployments"))
    yield from (("new", "../new?from=prod"), ("promote", "promotions?from=staging"))
    yield "promotion", f"promotions/{promotion_of(cast)}"
    staging = cast.at("staging").deployment
    freeze(org_id=cast.org_id, deployment_id=staging.id, reason="The books are closed", actor=cast.actor)
    yield "frozen", "../staging/code-locations"


def _automation(stage: Any) -> Iterator[tuple[str, str]]:
    yield from (("list", "automation"), ("list-none", "automation?q=nothing"))
    for name in ("nightly_orders", "new_files", "failing", "conditions"):
        yield name, f"automation/{stage.row(name).id}"
    yield "tick", f"ticks/{stage.ticks('new_files')[0].id}"
    yield "tick-failed", f"ticks/{stage.ticks('failing')[-1].id}"


def _crowd(_stage: Any) -> Iterator[tuple[str, str]]:
    yield "list", "automation"


def _git(made: Any) -> Iterator[tuple[str, str]]:
    yield from (("hosts", "../settings/git"), ("new", "../settings/git/new?provider=gitlab"))
    yield "working", f"../settings/git/{made.working_id}"
    yield "unfinished", f"../settings/git/{made.unfinished_id}?account=acme"
    yield "refused", f"../settings/git/{made.refused_id}"
    yield "repository", f"../settings/repositories/{made.repository_id}"


_ENVIRONMENT = {"": "", "-new": "/new", "-import": "/import", "-effective": "/effective?location=shop"}


def _shop(stage: Any) -> Iterator[tuple[str, str]]:
    from tests.environment.variables import some_variables
    from tests.ui.known import runs_by_status

    runs = runs_by_status(stage)
    some_variables(stage.cast)
    yield from ((f"environment{name}", f"environment{rest}") for name, rest in _ENVIRONMENT.items())
    yield from (
        ("overview", ""),
        ("assets", "assets"),
        ("assets-none", "assets?q=nothing"),
        ("lineage", "lineage?asset=customer_value"),
        ("checks", "checks"),
    )
    yield from (("jobs", "jobs"), ("job", "jobs/shop/nightly"), ("launch", "launchpad?location=shop&job=nightly"))
    yield from (
        ("launch-asset", "launchpad?location=shop&assets=daily_orders"),
        ("runs", "runs"),
        ("runs-failed", "runs?status=FAILURE"),
    )
    yield from (("locations", "code-locations"), ("location", "code-locations/shop"), ("agents", "agents"))
    for tab in ("overview", "history", "plots", "checks"):
        yield f"asset-{tab}", f"assets/customer_value?tab={tab}"
    yield from (
        ("asset-report", "asset/report?key=customer_value"),
        ("asset-wipe", "asset/wipe?key=daily_orders"),
        ("asset-partitions", "assets/daily_orders?tab=partitions"),
        ("asset-new", "assets/churn_model"),
        ("missing", "runs/0192f0c0-0000-7000-8000-000000000000"),
    )
    for status, run_id in runs.items():
        yield f"run-{status.lower()}", f"runs/{run_id}"
    yield from (("run-logs", f"runs/{runs['SUCCESS']}/logs#L3-L5"), ("run-config", f"runs/{runs['SUCCESS']}/config"))


def _health(stage: Any) -> Iterator[tuple[str, str]]:
    from tests.ui.health_world import paths

    yield from paths(stage).items()


def _hostile(stage: Any) -> Iterator[tuple[str, str]]:
    from urllib.parse import quote

    from tests.ui.known import runs_by_status
    from tests.ui.world import HOSTILE, LONG

    run_id = next(iter(runs_by_status(stage).values()))
    yield from (
        ("overview", ""),
        ("assets", "assets"),
        ("runs", "runs"),
        ("lineage", "lineage"),
        ("agents", "agents"),
        ("locations", "code-locations"),
    )
    yield from (
        ("asset", f"assets/{quote(HOSTILE)}"),
        ("asset-long", f"assets/{LONG}"),
        ("run", f"runs/{run_id}"),
        ("logs", f"runs/{run_id}/logs"),
        ("config", f"runs/{run_id}/config"),
    )


def take(folder: Path, words: list[str]) -> None:
    """Fill the folder."""
    from tests.ui.chromium import browsing, sign_in
    from tests.ui.server import serving

    wanted = list(pages(words))
    with serving() as address, browsing() as browser:
        for width, scheme in _LOOKS[: 2 if _BRIEF in sys.argv else None]:
            x, y = _WIDTHS[width]
            context = browser.new_context(
                viewport={"width": x, "height": y}, color_scheme=scheme, reduced_motion="reduce"
            )
            for name, cast, path in wanted:
                sign_in(context, address, cast)
                _picture(context, f"{address}/{cast.org.slug}/prod/{path}", folder / f"{name}-{width}-{scheme}.png")
            context.close()


def _picture(context: Any, address: str, file: Path) -> None:
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(address)
    page.wait_for_timeout(_SETTLE_MS)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    page.screenshot(path=str(file), full_page=_FULL in sys.argv)
    page.close()
    if problems or overflow > 0:
        sys.stdout.write(f"{file.name}: overflow {overflow} {problems[:3]}\n")


def main(prepare: Callable[[], Any] = session.begin) -> None:
    services = prepare()
    try:
        session.join("main")
        import django

        django.setup()
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else "test-artifacts/look")
        folder.mkdir(parents=True, exist_ok=True)
        take(folder, [word for word in sys.argv[2:] if word not in {_BRIEF, _FULL}])
    finally:
        services.stop()


if __name__ == "__main__":
    main()
