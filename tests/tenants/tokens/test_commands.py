"""`daggerboard tokens` against a real server; and that the other commands work with what it makes."""

import json
from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner

from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.main import app
from controlplane.deployments.models import Deployment, DeploymentKind
from tenants.scoping import org_scope
from tenants.token_verification import verify_token
from tests.cast import Cast
from tests.factories import make_location
from tests.ui.server import serving
from tests.waiting import eventually

Run = Callable[..., str]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def run(address: str, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command as the owner, or with a token, and answers what it printed."""
    given = {"URL": address, "ORGANIZATION": cast.org.slug, "DEPLOYMENT": "prod"}
    for name, value in given.items():
        monkeypatch.setenv(f"DAGGERBOARD_{name}", value)

    def invoke(*words: str, token: str = cast.user_token.text) -> str:
        monkeypatch.setenv("DAGGERBOARD_TOKEN", token)
        result = CliRunner().invoke(app, list(words))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.stdout

    return invoke


def test_ci_token_is_a_service_account_with_a_role_in_the_deployment(cast: Cast, run: Run) -> None:
    make_location(cast)

    made = json.loads(run("tokens", "create", "github", "--ci", "--json"))
    again = json.loads(run("tokens", "create", "github", "--ci", "--json"))

    assert (made["kind"], made["service_account"], again["service_account"]) == ("service", "github", "github")
    assert json.loads(run("status", "--json", token=made["token"]))["code_locations"][0]["name"] == "shop"
    assert "github" in run("tokens", "list", "--kind", "service")
    with pytest.raises(CommandError, match="own_token:write"):
        run("tokens", "create", "more", token=made["token"])


def test_token_is_rotated_and_revoked(cast: Cast, run: Run) -> None:
    made = json.loads(run("tokens", "create", "laptop", "--days", "30", "--scope", "run:read", "--json"))
    rotated = json.loads(run("tokens", "rotate", made["id"], "--keep-old-hours", "1", "--json"))
    assert "Revoked" in run("tokens", "revoke", made["id"])

    assert (rotated["replaces"], rotated["scopes"]) == (made["id"], ["run:read"])
    eventually(lambda: verify_token(made["token"], address="127.0.0.1"), lambda claims: claims is None)
    assert verify_token(rotated["token"], address="127.0.0.1") is not None


def test_agent_token_is_cut_down_to_a_reach(run: Run) -> None:
    words = ("--queue", "gpu", "--only-deployment", "prod", "--bootstrap-only", "--json")

    made = json.loads(run("tokens", "create", "edge", "--agent", *words))

    assert made["reach"] == {"queues": ["gpu"], "deployments": ["prod"], "bootstrap_only": True}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--ci", "--agent"), "Choose one of"),
        (("--queue", "gpu"), "has a reach"),
        (("--service-account", "nobody"), "no service account called nobody"),
    ],
)
def test_wrong_words_are_told(words: tuple[str, ...], message: str, run: Run) -> None:
    with pytest.raises(CommandError, match=message):
        run("tokens", "create", "x", *words)


@pytest.mark.parametrize("command", ["revoke", "rotate"])
def test_what_is_no_id_of_a_token_is_named(run: Run, command: str) -> None:
    with pytest.raises(CommandError, match=r"There is no token 01a1ff\. Give its whole id") as refused:
        run("tokens", command, "01a1ff")
    assert refused.value.exit_code == ExitCode.NOT_FOUND


def test_branches_of_a_branch_are_no_reach(cast: Cast, run: Run) -> None:
    with org_scope(cast.org_id):
        Deployment.objects.create_in(cast.org_id, name="pr-5", kind=DeploymentKind.BRANCH, parent_id=cast.deployment.id)
    with pytest.raises(CommandError, match="pr-5 is a branch deployment itself"):
        run("tokens", "create", "agents", "--agent", "--branches-of", "pr-5")
