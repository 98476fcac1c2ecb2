"""Code of strangers on a real agent: its processes see nothing of the agent's own environment (promise S7)."""

from pathlib import Path

from agent.protocol import LocationEnvironment
from agent.sources.virtualenvs import for_strangers
from tests.agent.conftest import loaded, location
from tests.agent.test_environment import SECRET, seen, variable


def serve(plane, **fields):
    environment = LocationEnvironment(fingerprint="a", variables=[variable("DAGGERBOARD_BASE_DEPLOYMENT", "prod")])
    plane.environments["v1"] = environment
    plane.serve(location("v1", environment="a", deployment="pr-7", **fields))


def test_installing_for_strangers_gets_nothing_with_a_password(tmp_path):
    withheld = ("NETRC", "XDG_CONFIG_HOME", "HTTPS_PROXY", "https_proxy", "SSH_AUTH_SOCK", "UV_PUBLISH_TOKEN", "HOME")
    own = {
        **dict.fromkeys((*withheld, "UV_INDEX_COMPANY_PASSWORD", "UV_KEYRING_PROVIDER"), "secret"),
        "PATH": "/bin",
        "UV_INDEX_URL": "https://bot:secret@packages.acme.example/simple",
        "UV_EXTRA_INDEX_URL": "https://a.example/x https://t:secret@b.example/x",
        "UV_DEFAULT_INDEX": "https://packages.acme.example/simple/@scope",
    }

    assert for_strangers(own, home=str(tmp_path)) == {
        "PATH": "/bin",
        "UV_DEFAULT_INDEX": "https://packages.acme.example/simple/@scope",
        "HOME": str(tmp_path),
        "UV_KEYRING_PROVIDER": "disabled",
    }


def test_code_of_strangers_sees_nothing_of_the_agents_environment(plane, new_agent, tmp_path):
    """Whatever `inherit` says: it was written for code that the organization trusts."""
    serve(plane, isolated=True)
    agent = new_agent(inherit="*")
    agent.env = {
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "HTTPS_PROXY": f"http://agent:{SECRET}@127.0.0.1:9",
        "NO_PROXY": "127.0.0.1",
        "GIT_ASKPASS": SECRET,
        "HOME": str(tmp_path / "real-home"),
        "LC_TIME": "C",
    }
    agent.start()
    loaded(plane, "v1")

    found = seen(plane, "v1", tmp_path / "seen")

    allowed = {"PATH", "LANG", "LANGUAGE", "TZ", "TMPDIR", "HOME", "LC_CTYPE", "LC_ALL", "LC_TIME", "LD_LIBRARY_PATH"}
    ours = {"PYTHONPATH", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR", "PYTHONUTF8"}
    assert {name for name in found if not name.startswith("DAGGERBOARD_")} <= allowed | ours
    assert SECRET not in str(found)
    assert found["LC_TIME"] == "C"
    assert found["DAGGERBOARD_BASE_DEPLOYMENT"] == "prod"
    home = Path(found["HOME"])
    assert home.is_relative_to(agent.home)
    assert list(home.iterdir()) == []


def test_code_that_is_trusted_sees_it(plane, new_agent, tmp_path):
    serve(plane)
    agent = new_agent(inherit="*")
    agent.env = {"AGENTS_OWN": "1"}
    agent.start()
    loaded(plane, "v1")

    assert seen(plane, "v1", tmp_path / "seen")["AGENTS_OWN"] == "1"
