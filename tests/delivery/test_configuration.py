"""A deployment's configuration as one document: what is exported changes nothing, what differs is told before it is made."""

import time
from typing import Any

import pytest
import yaml

from controlplane.automation.models import Instigator
from controlplane.definitions.manifest import Sensor
from controlplane.deployments.models import CodeLocation
from tenants.audit.models import AuditEvent
from tenants.models import Role, TargetKind
from tenants.scoping import org_scope
from tests.cast import Cast
from tests.environment.variables import make_branch, set_variable
from tests.factories import asset, make_location, make_manifest
from tests.tenants.people import deny, person

SETTINGS = {"concurrency": {"runs": {"max_concurrent_runs": 3}}, "retention": {"runs": {"purge_after_days": 30}}}


def address(cast: Cast, deployment: str = "prod") -> str:
    return f"/api/v1/organizations/{cast.org.slug}/deployments/{deployment}/configuration/"


def exported(cast: Cast, deployment: str = "prod") -> str:
    answer = cast.api().get(address(cast, deployment))
    assert answer.status_code == 200, answer.content
    return str(answer.json()["configuration"])


def put(cast: Cast, document: Any, query: str = "", *, deployment: str = "prod", api: Any = None) -> Any:
    text = document if isinstance(document, str) else yaml.safe_dump({"version": 1, **document})
    body = {"configuration": text, "file": "prod.yaml"}
    return (api or cast.api()).put(f"{address(cast, deployment)}{query}", body, content_type="application/json")


def audited(cast: Cast) -> list[str]:
    with org_scope(cast.org_id):
        return list(AuditEvent.objects.for_org(cast.org_id).order_by("id").values_list("action", flat=True))


@pytest.fixture
def full(cast: Cast) -> Cast:
    """With something in every part."""
    make_location(cast)
    make_location(cast, "archive", deployed={"image": "registry.example/shop:1", "git_commit": "abc"})
    set_variable(cast, "WAREHOUSE_PASSWORD", "never-in-a-file")
    rules = {"freeze_windows": [{"days": ["fri"], "start": "16:00", "end": "18:00", "time_zone": "Europe/Berlin"}]}
    for name, kind, choice in (
        ("daily", "schedule", "stopped"),
        ("late", "schedule", ""),
        ("files", "sensor", "running"),
    ):
        chosen = {"location_name": "shop", "name": name, "kind": kind, "choice": choice}
        with org_scope(cast.org_id):
            Instigator.objects.create_in(cast.org_id, deployment_id=cast.deployment.id, **chosen)
    assert put(cast, {"settings": SETTINGS, "protection": rules, "pools": {"warehouse": 3}}).status_code == 200
    return cast


def test_applying_what_was_exported_changes_nothing(full: Cast) -> None:
    text, before = exported(full), audited(full)

    answer = put(full, text, "?prune=true").json()

    assert answer == {"applied": True, "changes": [], "warnings": []}
    assert (exported(full), audited(full)) == (text, before)
    document = yaml.safe_load(text)
    assert document["settings"] == SETTINGS
    assert document["code_locations"]["archive"]["image"] == "registry.example/shop:1"
    assert [one["name"] for one in document["environment"]] == ["WAREHOUSE_PASSWORD"]
    assert (document["schedules"], document["sensors"]) == (
        {"shop": {"daily": "stopped"}},
        {"shop": {"files": "running"}},
    )
    assert document["pools"] == {"warehouse": 3}
    assert "never-in-a-file" not in text
    assert text.startswith("# Configuration of the deployment prod.")


def test_differences_are_told_and_made_in_one_go(full: Cast) -> None:
    document = yaml.safe_load(exported(full))
    document["settings"]["concurrency"]["runs"]["max_concurrent_runs"] = 9
    document["code_locations"]["shop"]["queue"] = "large"
    document["code_locations"]["new"] = {"target": {"module_name": "new"}}
    del document["code_locations"]["archive"]
    document["pools"] = {"api": 1}
    document["schedules"]["shop"] = {"late": "stopped", "unknown": "running"}

    dry = put(full, document, "?dry_run=true&prune=true").json()
    assert yaml.safe_load(exported(full))["settings"] == SETTINGS
    done = put(full, document, "?prune=true").json()

    assert dry["changes"] == done["changes"]
    assert (dry["applied"], done["applied"]) == (False, True)
    made = [(one["part"], one["unit"], one["action"]) for one in done["changes"]]
    assert made == [
        ("settings", "", "change"),
        ("pools", "api", "add"),
        ("pools", "warehouse", "remove"),
        ("code_locations", "new", "add"),
        ("code_locations", "shop", "change"),
        ("code_locations", "archive", "remove"),
        ("schedules", "shop: late", "add"),
        ("schedules", "shop: daily", "remove"),
    ]
    assert "no schedule unknown in shop yet" in done["warnings"][0]
    assert audited(full)[-8:] == [
        "deployment.settings",
        "pool.set_limit",
        "pool.set_limit",
        "code_location.deploy",
        "code_location.deploy",
        "code_location.delete",
        "schedule.stop",
        "schedule.reset",
    ]
    assert put(full, document, "?prune=true").json()["changes"] == []


def test_without_prune_nothing_is_removed_and_absent_parts_stay(full: Cast) -> None:
    assert put(full, {"code_locations": {}}).json()["changes"] == []
    with org_scope(full.org_id):
        assert CodeLocation.objects.for_org(full.org_id).count() == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 1\nsetings: {}\n", "prod.yaml:2: setings: There is no key setings. Did you mean settings?"),
        (
            "version: 1\nsettings:\n  run_monitoring:\n    max: 1\n",
            "prod.yaml:4: settings.run_monitoring.max: There is",
        ),
        ("version: 1\nsettings: {}\nsettings: {}\n", "prod.yaml:3: The key settings is there twice."),
        (
            "version: 1\nsettings: \x92",
            "prod.yaml:2: This is not YAML: the character '\\x92' must be escaped or left out.",
        ),
        ("version: 1\nsettings: [", "prod.yaml:2: This is not YAML"),
        ("settings: {}\n", "This reads version 1"),
        ("version: 1\ncode_locations:\n  shop:\n    targt: {}\n", "prod.yaml:4: code_locations.shop.targt"),
        ("version: 1\nprotection: {freeze_windows: [{days: [fri]}]}\n", "prod.yaml:2: protection"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_nothing_changes(cast: Cast, text: str, said: str) -> None:
    before = exported(cast)

    answer = put(cast, text)

    assert answer.status_code == 400
    assert said in answer.json()["errors"][0]["detail"]
    assert exported(cast) == before


def test_one_refusal_leaves_all_as_it_was(full: Cast) -> None:
    """Code is refused by the rules after the settings were set: both are undone."""
    document = yaml.safe_load(exported(full))
    document["settings"] = {}
    document["protection"] = {"deployers": {"people": []}}
    document["code_locations"]["shop"]["queue"] = "large"
    before = exported(full)

    assert put(full, document).status_code == 403
    assert exported(full) == before


def test_missing_code_and_missing_values_are_told(full: Cast) -> None:
    locations = {"gone": {"source": "archive", "git_commit": "1234"}}
    variables = [{"name": "OTHER", "scopes": ["full_deployment"]}]

    answer = put(full, {"code_locations": locations, "environment": variables}).json()

    assert answer["changes"] == []
    assert "gone needs its code: deploy commit 1234" in answer["warnings"][0]
    assert "OTHER (full_deployment) is not there" in answer["warnings"][1]


def test_rights_are_asked_part_by_part(full: Cast) -> None:
    editor = full.api(person(full, Role.EDITOR))
    assert put(full, {"settings": {}}, api=editor).status_code == 200
    assert put(full, {"protection": {}}, api=editor).status_code == 403


def test_branch_deployment_has_no_configuration_of_its_own(cast: Cast) -> None:
    make_branch(cast, "pr-1")

    assert put(cast, {"settings": {}}, deployment="pr-1").status_code == 409


def test_half_a_million_values_are_refused_at_the_first_too_many(cast: Cast) -> None:
    began = time.process_time()
    answer = put(cast, f"version: 1\npools: [{'1,' * 400_000}]")
    assert "too many values" in answer.json()["errors"][0]["detail"]
    assert answer.status_code == 400
    # Composing all of it takes 25 s.
    assert time.process_time() - began < 10


def test_a_sensor_is_switched_by_who_sees_all_of_its_code_location(full: Cast) -> None:
    make_location(full, manifest=make_manifest([asset("raw")], sensors=[Sensor(name="files", sensor_type="STANDARD")]))
    editor = person(full, Role.EDITOR)
    change = {"sensors": {"shop": {"files": "stopped"}}}
    deny(full, editor, target=TargetKind.SELECTION, target_value="key:raw")
    answer = put(full, change, "?dry_run=true", api=full.api(editor))
    assert (answer.status_code, "all that is in the code location" in answer.content.decode()) == (403, True)
