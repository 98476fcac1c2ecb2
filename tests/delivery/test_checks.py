"""Checks of a commit: what each says, and where in the repository an error of loading comes from."""

import datetime
from uuid import UUID

import pytest

from controlplane.delivery.hosts.base import CheckStatus, HostDeploymentState
from controlplane.delivery.reporting.checks import checks
from controlplane.delivery.reporting.error_places import annotation_of, annotations_of_problems
from controlplane.delivery.reporting.host_deployments import host_deployment
from controlplane.delivery.reporting.report import Changes, Report, Row, Stage
from controlplane.deployments.models import LocationVersion
from tests.delivery.following import fail_to_load, follow

SHA256 = "ab" * 32
# Agents call it by a name of their own.
UNPACKED = f"/var/lib/daggerboard/sources/{'cd' * 32}"


def version(*stack, message="boom", cause=None):
    error = {"message": message, "cls": "ValueError", "stack": list(stack), "cause": cause, "context": None}
    return LocationVersion(source_sha256=SHA256, error=error)


def frame(path, line):
    return f'  File "{path}", line {line}, in <module>\n    broken()\n'


def test_innermost_line_of_the_users_own_files_is_annotated():
    found = annotation_of(
        version(
            frame("/usr/lib/python3.11/importlib/__init__.py", 126),
            frame(f"{UNPACKED}/shop/definitions.py", 17),
            frame(f"{UNPACKED}/shop/orders.py", 4),
            frame("/venv/lib/python3.11/site-packages/pandas/io.py", 99),
        ),
        "projects/shop",
    )

    assert (found.path, found.line) == ("projects/shop/shop/orders.py", 4)


def test_cause_comes_before_what_it_caused():
    cause = {"message": "no such table", "stack": [frame(f"{UNPACKED}/shop/orders.py", 9)], "cause": None}
    found = annotation_of(version(frame(f"{UNPACKED}/shop/definitions.py", 17), cause=cause), ".")

    assert (found.path, found.line, found.message) == ("shop/orders.py", 9, "no such table")


def test_place_of_a_syntax_error_is_in_its_message():
    said = f'  File "{UNPACKED}/shop/definitions.py", line 3\n    def (\n        ^\nSyntaxError: invalid syntax'
    found = annotation_of(version(message=said), "")

    assert (found.path, found.line) == ("shop/definitions.py", 3)


@pytest.mark.parametrize(
    "path", ["/usr/lib/python3.11/x.py", f"{UNPACKED}/../../etc/passwd", f"{UNPACKED}/v/site-packages/x.py"]
)
def test_lines_outside_of_the_archive_are_no_places(path):
    assert annotation_of(version(frame(path, 1)), ".") is None


def test_problems_of_the_project_are_annotated():
    text = "dagster_cloud.yaml:3: locations[0].imag: There is no key imag.\nno place\n/etc/passwd:1: x\na/../../b:1: y"

    assert [(one.path, one.line) for one in annotations_of_problems(text)] == [("dagster_cloud.yaml", 3)]


def row(stage, **fields):
    at = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)
    return Row(location="shop", stage=stage, url="https://x", logs_url="https://x", updated_at=at, **fields)


def report(stage, *rows, **fields):
    return Report(stage=stage, id=UUID(int=1), number=12, sha="a" * 40, commit_url="https://x", rows=rows, **fields)


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        (row(Stage.LOADING), CheckStatus.IN_PROGRESS),
        (row(Stage.READY, changes=Changes(added=1)), CheckStatus.SUCCESS),
        (row(Stage.READY, changes=Changes()), CheckStatus.NEUTRAL),
        (row(Stage.READY, changes=None), CheckStatus.SUCCESS),
        (row(Stage.FAILED, error="x"), CheckStatus.FAILURE),
    ],
)
def test_check_of_a_location(shown, status):
    whole, own = checks(report(shown.stage, shown))

    assert (whole.name, own.name) == ("Daggerboard / deploy", "Daggerboard / shop")
    assert own.status == status
    # That a location does not load is said by its own check.
    assert whole.status == CheckStatus.SUCCESS


@pytest.mark.parametrize(
    ("stage", "status", "button"),
    [
        (Stage.QUEUED, CheckStatus.QUEUED, "rebuild"),
        (Stage.BUILDING, CheckStatus.IN_PROGRESS, "rebuild"),
        (Stage.FAILED, CheckStatus.FAILURE, "rebuild"),
        (Stage.HELD, CheckStatus.ACTION_REQUIRED, "approve"),
        (Stage.CLOSED, CheckStatus.NEUTRAL, "rebuild"),
    ],
)
def test_check_of_the_deploy(stage, status, button):
    [whole] = checks(report(stage, note="why"))

    assert whole.status == status
    assert [one.identifier for one in whole.buttons] == [button]


def test_deployment_object_is_inactive_after_the_end():
    assert host_deployment(report(Stage.READY), row(Stage.READY)).state == HostDeploymentState.SUCCESS
    assert host_deployment(report(Stage.CLOSED), row(Stage.READY)).state == HostDeploymentState.INACTIVE
    assert host_deployment(report(Stage.READY), row(Stage.READY)).environment == "dagster/shop/pr-12"


def test_error_of_loading_reaches_the_host_with_its_line(cast, github):
    followed = follow(cast, github)
    pull = followed.open()
    followed.settle()
    broken = followed.versions()["shop"]
    place = frame(f"/var/lib/agent/sources/{broken.source_sha256}/shop/definitions.py", 3)
    fail_to_load(followed, "NameError: name 'ordres' is not defined", [place])
    followed.work()

    check = followed.shop.checks_of(pull.head_sha)["Daggerboard / shop"]
    assert check.state == "failure"
    assert [(one["path"], one["start_line"]) for one in check.annotations] == [("shop/definitions.py", 3)]
    assert "`shop/definitions.py:3`" in pull.comments[0].body
    assert "NameError: name 'ordres'" in pull.comments[0].body
