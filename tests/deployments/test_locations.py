"""Deploying, loading, reloading and deleting code locations."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from agent.protocol import Target
from controlplane.definitions import selectors as stored
from controlplane.deployments import selectors, services
from controlplane.deployments.code import Code
from controlplane.deployments.loading import record_load
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tests import factories
from tests.cast import Cast


def test_what_loaded_is_what_the_deployment_consists_of(cast: Cast) -> None:
    factories.make_location(cast)

    found = selectors.definitions(cast.org_id, cast.deployment.id)

    assert list(found.by_location) == ["shop"]
    assert found.graph.order == ("raw", "daily", "report")
    assert found.job("shop", "nightly").assets == [["raw"], ["daily"], ["report"]]
    assert found.asset("daily").location == "shop"
    assert [check.name for check in found.checks_by_asset["daily"]] == ["not_empty"]
    assert stored.missing(cast.org_id, [found.location("shop").version.manifest_sha256]) == []


@pytest.mark.parametrize("ask", [lambda d: d.location("x"), lambda d: d.job("shop", "x"), lambda d: d.asset("x")])
def test_what_is_not_defined_is_not_found(cast: Cast, ask: object) -> None:
    factories.make_location(cast)

    with pytest.raises(NotFoundError):
        ask(selectors.definitions(cast.org_id, cast.deployment.id))  # type: ignore[operator]


def test_graph_is_made_once_per_set_of_hashes(cast: Cast) -> None:
    factories.make_location(cast)
    first = selectors.definitions(cast.org_id, cast.deployment.id).graph

    assert selectors.definitions(cast.org_id, cast.deployment.id).graph is first

    factories.make_location(cast, manifest=factories.make_manifest([factories.asset("other")]))
    assert selectors.definitions(cast.org_id, cast.deployment.id).graph.order == ("other",)


def test_older_version_that_loads_late_does_not_replace_a_newer_one(cast: Cast) -> None:
    old, new = factories.deploy(cast), factories.deploy(cast)
    factories.load(cast, new, factories.make_manifest())

    factories.load(cast, old, factories.make_manifest())

    assert selectors.location(cast.org_id, cast.deployment.id, "shop").current == new


def test_version_that_loads_again_after_a_restart_stays_what_it_is(cast: Cast) -> None:
    location = factories.make_location(cast)
    assert location.current is not None

    factories.load(cast, location.current, factories.make_manifest())

    again = selectors.location(cast.org_id, cast.deployment.id, "shop")
    assert again.current == again.desired == location.current


def test_deploys_at_the_same_time_get_numbers_of_their_own(cast: Cast) -> None:
    def deploy(_: int) -> int:
        try:
            return factories.deploy(cast).number
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as people:
        numbers = sorted(people.map(deploy, range(8)))

    assert numbers == list(range(1, 9))


def test_reload_deploys_the_same_again(cast: Cast) -> None:
    first = factories.deploy(cast, target=Target(package_name="shop"), git_commit="abc")

    again = services.reload_location(
        org_id=cast.org_id, deployment_id=cast.deployment.id, name="shop", actor=cast.actor
    )

    assert (again.number, again.target, again.git_commit) == (2, first.target, "abc")


@pytest.mark.parametrize(
    ("fields", "attr"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"queue": ""}, "queue"),
        ({"target": Target(module_name="a", python_file="b.py")}, "target"),
    ],
)
def test_deploy_that_makes_no_sense_is_refused(cast: Cast, fields: dict[str, object], attr: str) -> None:
    with pytest.raises(InvalidError) as refused:
        factories.deploy(cast, **fields)  # type: ignore[arg-type]

    assert refused.value.attr == attr


def test_deleted_location_is_gone_with_its_versions(cast: Cast) -> None:
    version = factories.make_location(cast).current
    assert version is not None

    services.delete_location(org_id=cast.org_id, deployment_id=cast.deployment.id, name="shop", actor=cast.actor)

    assert selectors.code_locations(cast.org_id, cast.deployment.id) == []
    report = factories.loaded_report("", version.id, factories.store_manifest(cast.org_id, factories.make_manifest()))
    with pytest.raises(NotFoundError):
        record_load(org_id=cast.org_id, version_id=version.id, report=report, loaded_elsewhere=False)


def test_another_organization_sees_and_changes_nothing(cast: Cast, outsider: Cast) -> None:
    factories.make_location(cast)
    there = {"org_id": outsider.org_id, "deployment_id": cast.deployment.id, "name": "shop"}

    assert selectors.code_locations(outsider.org_id, cast.deployment.id) == []
    for attempt in (
        lambda: services.delete_location(**there, actor=outsider.actor),
        lambda: services.reload_location(**there, actor=outsider.actor),
        lambda: services.deploy_location(**there, code=Code(), actor=outsider.actor),
    ):
        with pytest.raises(NotFoundError):
            attempt()


def test_deployment_names_are_taken_once_per_organization(cast: Cast, outsider: Cast) -> None:
    services.create_deployment(org_id=cast.org_id, name="staging", actor=cast.actor)
    services.create_deployment(org_id=outsider.org_id, name="staging", actor=outsider.actor)

    with pytest.raises(ConflictError):
        services.create_deployment(org_id=cast.org_id, name="staging", actor=cast.actor)
    assert [found.name for found in selectors.deployments(cast.org_id)] == ["prod", "staging"]


def test_ensured_deployment_is_made_once(cast: Cast) -> None:
    first = services.ensure_deployment(org_id=cast.org_id, name="dev", actor=cast.actor)

    assert services.ensure_deployment(org_id=cast.org_id, name="dev", actor=cast.actor).id == first.id


@pytest.mark.parametrize("name", ["", "Prod", "a b", "a/b", "ä"])
def test_name_that_fits_no_url_is_refused(cast: Cast, name: str) -> None:
    with pytest.raises(InvalidError):
        services.create_deployment(org_id=cast.org_id, name=name, actor=cast.actor)
