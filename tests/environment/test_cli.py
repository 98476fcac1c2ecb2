"""`daggerboard env` against a real server."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from typer.testing import CliRunner

from agent.sealed_box import key_id, open_box
from controlplane.cli.errors import CommandError
from controlplane.cli.main import app
from controlplane.environment import services
from controlplane.environment.selectors import variables
from tests import factories
from tests.environment.variables import LOCAL, set_variable
from tests.ui.server import serving


@pytest.fixture(scope="module")
def address():
    with serving() as address:
        yield address


@pytest.fixture
def env(address, cast, monkeypatch, tmp_path):
    """Runs a subcommand of `env` and answers what it printed."""
    given = {"URL": address, "TOKEN": cast.user_token.text, "ORGANIZATION": cast.org.slug, "DEPLOYMENT": "prod"}
    for name, value in given.items():
        monkeypatch.setenv(f"DAGGERBOARD_{name}", value)
    monkeypatch.chdir(tmp_path)

    def run(*words, stdin=None):
        result = CliRunner().invoke(app, ["env", *words], input=stdin)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.stdout

    return run


def stored(cast):
    return {variable.name: services.opened([variable])[variable.id] for variable in variables(cast.deployment)}


def test_variable_is_set_changed_listed_and_unset(cast, env):
    assert "X is added" in env("set", "X", stdin="from standard input\n")
    assert "X is changed" in env("set", "X", "two words")
    assert stored(cast) == {"X": "two words"}
    listed = env("list")
    assert ("X" in listed, "two words" in listed) == (True, False)

    assert "X is gone" in env("unset", "X")
    assert stored(cast) == {}


def test_push_and_pull_keep_other_lines_of_the_file(cast, env, tmp_path):
    (tmp_path / "new.env").write_text("A=1\nB='x y'\n")
    assert "create" in env("push", "new.env", "--scope", "local", "--dry-run")
    assert stored(cast) == {}
    env("push", "new.env", "--scope", "local")

    (tmp_path / ".env").write_text("# mine\nA=old\nC=3\n")
    assert "Wrote 2" in env("pull")

    assert (tmp_path / ".env").read_text() == "# mine\nC=3\nA=1\nB='x y'\n"
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0


def test_push_with_a_bad_line_does_nothing(cast, env, tmp_path):
    (tmp_path / "bad.env").write_text("A=1\nB\n")

    with pytest.raises(CommandError, match="Nothing was imported"):
        env("push", "bad.env")
    assert stored(cast) == {}


def test_sealed_value_is_unreadable_to_us(cast, env):
    private = X25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    agent = factories.make_agent(cast)
    text = base64.b64encode(public).decode()
    services.note_agent_key(org_id=cast.org_id, agent_id=agent.id, key_id=key_id(public), public_key=text)

    env("set", "X", "for its eyes only", "--seal")

    made = variables(cast.deployment)[0]
    assert made.sealed is None
    assert open_box(private, "X", made.sealed_boxes[key_id(public)]) == "for its eyes only"


def test_effective_names_sources(cast, env):
    factories.make_location(cast, "shop")
    env("set", "X", "1", "--location", "shop")

    shown = env("effective", "shop")

    assert "set by Daggerboard" in shown
    assert "full" in shown


def test_reference_is_set(cast, env):
    env("set", "X", "--reference", "vault:secret/db#password")

    assert variables(cast.deployment)[0].reference == "secret/db#password"


def test_wrong_scope_is_explained(cast, env):
    with pytest.raises(CommandError, match="There is no scope nowhere"):
        env("set", "X", "1", "--scope", "nowhere")


def test_local_scope_is_what_is_pulled(cast, env, tmp_path):
    set_variable(cast, "PROD", "secret")
    set_variable(cast, "MINE", "1", LOCAL)

    env("pull")

    assert (tmp_path / ".env").read_text() == "MINE=1\n"
