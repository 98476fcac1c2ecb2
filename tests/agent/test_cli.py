"""The command line: settings, help, status, doctor, exit codes."""

import json
import os
import re
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from agent.config import SETTINGS, ConfigError, load_config
from tests.agent.conftest import location
from tests.agent.fake_control_plane import TOKEN
from tests.waiting import eventually


def command(*arguments, env=None):
    code = "import sys; from agent.cli import main; main(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, **(env or {})},
        check=False,
    )


@pytest.fixture
def connection(plane, tmp_path):
    """Flags that reach the fake control plane."""
    (tmp_path / "token").write_text(TOKEN)
    return ["--url", plane.url, "--token-file", tmp_path / "token", "--home", tmp_path / "home"]


def doctor(*arguments, env=None):
    done = command("doctor", "--json", *arguments, env=env)
    return done.returncode, {finding["check"]: finding for finding in json.loads(done.stdout)}


def test_doctor_is_content_when_everything_is_there(plane, connection):
    code, findings = doctor(*connection)

    assert code == 0
    assert [name for name, finding in findings.items() if not finding["ok"]] == []


def test_doctor_names_an_unknown_host(connection, tmp_path):
    code, findings = doctor(*connection, "--url", "https://no-such-host.invalid")

    assert code == 1
    assert "cannot be resolved" in findings["address"]["message"]


def test_doctor_names_a_closed_port(connection):
    _, findings = doctor(*connection, "--url", "http://127.0.0.1:9")

    assert "does not answer on port 9" in findings["address"]["message"]


def test_doctor_names_a_port_without_tls(plane, connection):
    _, findings = doctor(*connection, "--url", plane.url.replace("http:", "https:"))

    assert "Does the port speak https?" in findings["tls"]["message"]


def test_doctor_names_an_unreachable_proxy(connection):
    env = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "NO_PROXY": "", "no_proxy": ""}
    _, findings = doctor(*connection, "--url", "https://daggerboard.example.com", env=env)

    assert "127.0.0.1" in findings["proxy"]["message"]
    assert not findings["proxy"]["ok"]


def test_doctor_names_a_revoked_token(plane, connection):
    plane.token = "another"
    _, findings = doctor(*connection)

    assert "unknown or revoked" in findings["control plane"]["message"]


def test_doctor_names_an_open_home(connection, tmp_path):
    (tmp_path / "home").mkdir(mode=0o755)
    _, findings = doctor(*connection)

    assert "chmod 700" in findings["home"]["message"]


def test_doctor_names_something_else_that_answers(plane, connection):
    plane.faults.status("definitions", 404)
    _, findings = doctor(*connection)

    assert "no Daggerboard control plane" in findings["control plane"]["message"]


def test_untrusted_certificate_is_named_and_a_ca_file_helps(connection, tmp_path, tls_server):
    url, ca_file = tls_server
    _, without = doctor(*connection, "--url", url)
    code, findings = doctor(*connection, "--url", url, "--ca-file", ca_file)

    assert "--ca-file" in without["tls"]["message"]
    assert code == 0
    assert findings["tls"]["ok"]


@pytest.fixture
def tls_server(plane, tmp_path):
    """The fake control plane behind TLS with an authority of its own."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2", "-nodes"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-keyout", key, "-out", certificate, *subject]
    try:
        subprocess.run(made, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs openssl")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    plane.server.socket = context.wrap_socket(plane.server.socket, server_side=True)
    return f"https://localhost:{plane.port}", certificate


def test_status_says_what_runs(plane, agent):
    written = agent.home / "status.json"
    eventually(
        lambda: json.loads(written.read_text())["locations"] if written.exists() else [],
        lambda locations: [one["mode"] for one in locations] == ["warm"],
    )

    found = command("status", "--json", "--home", agent.home)

    status = json.loads(found.stdout)
    assert found.returncode == 0
    assert status["running"]
    assert status["agent_id"] == "agent-tester"
    assert TOKEN not in found.stdout


def test_status_of_a_stopped_agent_says_so(plane, agent):
    agent.kill9()

    done = command("status", "--home", agent.home)

    assert done.returncode == 1
    assert "not running" in done.stdout


def test_nothing_printed_holds_the_token(plane, new_agent):
    plane.serve(location("v1", env={"SECRET": "canary-of-location"}))
    agent = new_agent(log_level="debug").start()
    eventually(lambda: agent.logged("location.loaded"), bool)

    assert TOKEN not in (agent.folder / "agent.log").read_text()
    assert "canary-of-location" not in (agent.folder / "agent.log").read_text()


def test_missing_settings_say_what_to_do():
    done = command("run", "--url", "https://example.com")

    assert done.returncode == 2
    assert "Make one on the control plane" in done.stderr


def test_every_setting_is_a_flag_with_help_except_the_token():
    helped = command("run", "--help").stdout

    assert {setting.name for setting in SETTINGS if "--" + setting.name.replace("_", "-") + " " not in helped} == {
        "token"
    }


def test_flags_win_over_environment_over_file(tmp_path, monkeypatch):
    file = tmp_path / "agent.toml"
    file.write_text('url = "https://file"\nslots = 1\nname = "file"\ntoken = "t"\n')
    monkeypatch.setenv("DAGGERBOARD_AGENT_SLOTS", "2")
    monkeypatch.setenv("DAGGERBOARD_AGENT_NAME", "environment")

    config = load_config(flags={"name": "flag"}, file=file)

    assert (config.url, config.slots, config.name) == ("https://file", 2, "flag")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sluts = 1", "does not know"),
        ('slots = "many"', "must be a int"),
        ("slots = 0", "at least 1"),
        ("[", "cannot be read"),
    ],
)
def test_wrong_files_are_explained(tmp_path, text, says):
    file = tmp_path / "agent.toml"
    file.write_text(text)

    with pytest.raises(ConfigError, match=re.escape(says)):
        load_config(flags={"url": "https://x", "token_file": "y"}, file=file)


def test_this_machine_needs_no_proxy(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example.com")

    def proxy(url):
        return load_config(flags={"url": url, "token": "t"}).proxy

    assert proxy("http://127.0.0.1:8000") is None
    assert proxy("https://inside.example.com") is None
    assert proxy("https://outside.example.com") == "http://proxy:3128"


def test_agent_works_through_a_proxy(plane, new_agent, forward_proxy):
    """The control plane has a name only the proxy knows."""
    agent = new_agent()
    agent.env = {"http_proxy": forward_proxy.url, "HTTP_PROXY": forward_proxy.url, "no_proxy": "", "NO_PROXY": ""}
    agent.url = f"http://control-plane.test:{plane.port}"
    agent.start()

    eventually(lambda: plane.registrations, bool)
    assert forward_proxy.hosts == {"control-plane.test"}


@pytest.fixture
def forward_proxy(plane):
    """Passes absolute-form requests on to the fake control plane."""
    from tests.agent.forward_proxy import ForwardProxy

    proxy = ForwardProxy(plane.port).start()
    yield proxy
    proxy.stop()


def test_agent_distribution_needs_five_packages_only():
    text = Path(__file__).parents[2].joinpath("agent", "pyproject.toml").read_text()

    assert re.findall(r'"(\w+)>=', text.split("dependencies")[1].split("]")[0]) == [
        "httpx",
        "msgspec",
        "psutil",
        "cryptography",  # opens values sealed to this agent
        "uv",  # builds virtualenvs of source archives
    ]


def test_every_setting_is_documented():
    page = Path(__file__).parents[2].joinpath("docs", "agent.md").read_text()

    assert [setting.name for setting in SETTINGS if f"`{setting.name}`" not in page] == []
