"""The settings document by page: compared before it is saved, refused with its line."""

from controlplane.deployments.models import Deployment
from controlplane.deployments.setting_defaults import setting_lines
from controlplane.deployments.settings_document import _CHECKS
from tenants.scoping import org_scope
from tests.cast import Cast


def address(cast: Cast) -> str:
    return f"/{cast.org.slug}/prod/settings/document"


def stored(cast: Cast) -> object:
    with org_scope(cast.org_id):
        return Deployment.objects.for_org(cast.org_id).get(name="prod").settings


def test_compare_then_save(cast: Cast) -> None:
    client, text = cast.signed_in(), "run_monitoring:\r\n  max_runtime_seconds: 90\r\n"

    compared = client.post(address(cast), {"text": text}).content.decode()
    assert stored(cast) == {}
    assert "run_monitoring.max_runtime_seconds" in compared
    assert "Save these changes" in compared
    saved = client.post(address(cast), {"text": text, "save": "on"})

    assert (saved.status_code, stored(cast)) == (302, {"run_monitoring": {"max_runtime_seconds": 90}})
    shown = client.get(address(cast)).content.decode()
    assert "max_runtime_seconds: 90" in shown
    assert "Nothing: this is what is stored." in client.post(address(cast), {"text": text}).content.decode()


def test_refused_with_its_line_and_nothing_is_lost(cast: Cast) -> None:
    answer = cast.signed_in().post(address(cast), {"text": "concurrency:\n  runz: 1\n", "save": "on"})

    page = answer.content.decode()
    assert (answer.status_code, stored(cast)) == (400, {})
    assert "Line 2: There is no setting concurrency.runz." in page
    assert '<span class="muted">2</span>   runz: 1' in page
    assert "runz: 1\n</textarea>" in page


def test_every_key_has_a_default_in_words() -> None:
    assert {line.key for line in setting_lines({})} == {".".join(path) for path in _CHECKS}
