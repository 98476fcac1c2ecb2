"""The settings document of a deployment: strict, whole, audited."""

from typing import Any

import pytest

from controlplane.deployments.settings_document import SettingsTextError, document_text, parse_document, parse_text
from tenants.audit.models import AuditEvent
from tenants.errors import InvalidError
from tenants.scoping import org_scope
from tests.cast import Cast
from tests.environment.variables import make_branch

GOOD = {
    "concurrency": {"runs": {"max_concurrent_runs": 3}},
    "run_monitoring": {"start_timeout_seconds": 60, "cancel_timeout_seconds": 30, "max_runtime_seconds": 7200},
}


def test_document_comes_back_as_it_was_given() -> None:
    assert parse_document(GOOD) == GOOD
    assert parse_text(document_text(GOOD)) == GOOD
    assert parse_text("") == {}


def test_older_name_of_dagster_and_nothing_set() -> None:
    assert parse_text("run_queue:\n  max_concurrent_runs: 7\n") == {"concurrency": {"runs": {"max_concurrent_runs": 7}}}
    assert parse_document({"concurrency": None, "run_monitoring": {"max_runtime_seconds": None}}) == {}


@pytest.mark.parametrize(
    ("document", "path", "words"),
    [
        (
            {"concurency": {}},
            "concurency",
            "There is no setting concurency. A document has auto_materialize, concurrency",
        ),
        ({"concurrency": {"runs": {"max": 1}}}, "concurrency.runs.max", "has max_concurrent_runs"),
        ({"auto_materialize": {"run_tags": {"team": "a\0b"}}}, "auto_materialize.run_tags", "that can be stored"),
        ({"auto_materialize": {"run_tags": {"a\ud800": "b"}}}, "auto_materialize.run_tags", "that can be stored"),
        (
            {"auto_materialize": {"run_tags": {"team": "x" * 1001}}},
            "auto_materialize.run_tags",
            "at most 200 and 1,000",
        ),
        ({"concurrency": {"pools": {"limit": 1}}}, "concurrency.pools.limit", "has default_limit, granularity"),
        ({"retention": {"runs": {"purge_after_days": 0}}}, "retention.runs.purge_after_days", "or -1 for ever"),
        ({"sso_default_role": "VIEWER"}, "sso_default_role", "is set with the connection"),
        ({"run_monitoring": 5}, "run_monitoring", "is a mapping with"),
        ([], "", "The document is a mapping with"),
        ({"concurrency": {"runs": {"max_concurrent_runs": -1}}}, "concurrency.runs.max_concurrent_runs", "from 0"),
        ({"concurrency": {"runs": {"max_concurrent_runs": True}}}, "concurrency.runs.max_concurrent_runs", "whole"),
        ({"run_monitoring": {"max_runtime_seconds": "5"}}, "run_monitoring.max_runtime_seconds", "whole number"),
        ({**GOOD, "run_queue": {"max_concurrent_runs": 1}}, "concurrency.runs.max_concurrent_runs", "given twice"),
    ],
)
def test_what_is_wrong_is_refused_with_its_path(document: Any, path: str, words: str) -> None:
    with pytest.raises(InvalidError) as refused:
        parse_document(document)

    assert refused.value.attr == path
    assert words in refused.value.message


def test_text_that_is_no_yaml_says_where() -> None:
    with pytest.raises(InvalidError, match="Line 2"):
        parse_text("concurrency:\n  runs: [")


def test_text_says_in_which_line_a_key_is_wrong() -> None:
    text = "concurrency:\n  runs:\n    tag_concurrency_limits:\n    - key: a\n      limit: 1\n    - limit: -1\n      key: b\n"
    with pytest.raises(
        SettingsTextError, match=r"Line 6: concurrency.runs.tag_concurrency_limits\[1\].limit"
    ) as refused:
        parse_text(text)
    assert refused.value.line == 6
    with pytest.raises(SettingsTextError, match="Line 2: The key a is there twice"):
        parse_text("a: 1\na: 2\n")


def address(cast: Cast, deployment: str = "prod") -> str:
    return f"/api/v1/organizations/{cast.org.slug}/deployments/{deployment}/settings/"


def put(cast: Cast, settings: Any, deployment: str = "prod") -> Any:
    return cast.api().put(address(cast, deployment), {"settings": settings}, content_type="application/json")


def test_set_replaces_the_whole_document_and_leaves_a_row_in_the_audit_log(cast: Cast) -> None:
    assert put(cast, GOOD).json() == {"settings": GOOD}
    assert put(cast, {"run_monitoring": {"max_runtime_seconds": 9}}).status_code == 200

    assert cast.api().get(address(cast)).json() == {"settings": {"run_monitoring": {"max_runtime_seconds": 9}}}
    with org_scope(cast.org_id):
        rows = AuditEvent.objects.for_org(cast.org_id).filter(action="deployment.settings").order_by("id")
        assert [row.before for row in rows] == [{}, GOOD]


def test_bad_document_changes_nothing(cast: Cast) -> None:
    put(cast, GOOD)

    answer = put(cast, {"run_retries": {"max_retries": -3}})

    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "run_retries.max_retries")
    assert cast.api().get(address(cast)).json() == {"settings": GOOD}


def test_branch_deployment_has_none_of_its_own(cast: Cast) -> None:
    make_branch(cast, "pr-1")

    assert put(cast, GOOD, "pr-1").status_code == 409
