"""Environment variables on a real agent: who gets which, that a change reaches the next run, and that no value leaves the machine."""

import subprocess

from agent.protocol import EnvironmentVariable, LocationEnvironment, SecretReference
from tests.agent.conftest import ended, loaded, location, logs_closed, script
from tests.waiting import eventually

SECRET = "canary-4b71-secret"


def variable(name, value, **fields):
    return EnvironmentVariable(name=name, value=value, **{"masked": True, **fields})


def serve(plane, *pairs):
    """Locations by version id, each with its variables."""
    for version_id, fingerprint, variables in pairs:
        plane.environments[version_id] = LocationEnvironment(fingerprint=fingerprint, variables=variables)
    plane.serve(*(location(v, name=v, environment=fingerprint) for v, fingerprint, _ in pairs))


def seen(plane, version_id, path):
    assert (
        ended(plane.launch(version_id, run_config=script(("tell_env", str(path)), "success")))["reason"] == "finished"
    )
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def test_run_sees_the_keys_of_its_location_and_no_others(plane, new_agent, tmp_path):
    serve(
        plane,
        ("v1", "a", [variable("ONLY_A", "1"), variable("DAGSTER_CLOUD_DEPLOYMENT_NAME", "prod")]),
        ("v2", "b", [variable("ONLY_B", "2")]),
    )
    agent = new_agent(inherit="PATH,LC_*,PYTHON*")
    agent.env = {"DAGGERBOARD_AGENT_TOKEN": SECRET, "AGENTS_OWN": SECRET, "DAGSTER_CLOUD_DEPLOYMENT_NAME": "elsewhere"}
    agent.start()
    loaded(plane, "v1")
    loaded(plane, "v2")

    one, two = seen(plane, "v1", tmp_path / "one"), seen(plane, "v2", tmp_path / "two")

    given = {"PATH", "VIRTUAL_ENV", "PYTHONPATH", "DAGGERBOARD_DEPLOYMENT"}
    of_run = {"DAGGERBOARD_RUN_ID", "DAGGERBOARD_RUN_ATTEMPT", "DAGGERBOARD_RUN_TOKEN"}
    kept = {name for name in one if name.startswith(("LC_", "PYTHON"))}
    assert set(one) - kept - given - of_run == {"ONLY_A", "DAGSTER_CLOUD_DEPLOYMENT_NAME"}
    assert set(two) - kept - given - of_run == {"ONLY_B"}
    assert one["DAGSTER_CLOUD_DEPLOYMENT_NAME"] == "prod"


def test_changed_value_reaches_the_next_run_and_leaves_the_other_location_alone(plane, new_agent, tmp_path):
    serve(plane, ("v1", "a", [variable("X", "old")]), ("v2", "b", []))
    new_agent().start()
    loaded(plane, "v1")
    loaded(plane, "v2")
    asked = len(plane.environment_asks)

    serve(plane, ("v1", "a2", [variable("X", "new")]), ("v2", "b", []))

    # Not a moment is waited: the run itself must wait for the new worker.
    assert seen(plane, "v1", tmp_path / "seen")["X"] == "new"
    assert {ask.version_id for ask in plane.environment_asks[asked:]} == {"v1"}


def test_value_from_control_plane_wins_over_the_agents_own(plane, new_agent, tmp_path):
    serve(plane, ("v1", "a", [variable("X", "theirs")]))
    agent = new_agent()
    agent.env = {"X": "agent's", "Y": "agent's"}
    agent.start()
    loaded(plane, "v1")

    found = seen(plane, "v1", tmp_path / "seen")

    assert (found["X"], found["Y"]) == ("theirs", "agent's")


def test_value_is_masked_in_events_errors_and_output_wherever_it_is_cut(plane, new_agent, tmp_path):
    go = tmp_path / "go"
    serve(plane, ("v1", "a", [variable("PASSWORD", SECRET), variable("OPEN", "in-the-open", masked=False)]))
    agent = new_agent().start()
    loaded(plane, "v1")

    attempt = plane.launch(
        "v1",
        run_config=script(
            ("log", f"I say {SECRET} and in-the-open"),
            ("print", f"begins {SECRET[:7]}"),
            ("wait_file", str(go)),
            ("print", f"{SECRET[7:]} ends {SECRET[:5]}"),
            "success",
        ),
    )
    eventually(lambda: attempt.logs[("step", "stdout")], lambda data: data == b"begins ")
    go.touch()
    ended(attempt)

    assert logs_closed(attempt)[("step", "stdout")] == f"begins [redacted:PASSWORD] ends {SECRET[:5]}".encode()
    assert attempt.messages == ["I say [redacted:PASSWORD] and in-the-open"]
    assert nowhere_below(agent.home, SECRET)
    assert SECRET not in (agent.folder / "agent.log").read_text()


def test_masking_goes_on_after_the_agent_was_killed(plane, new_agent, tmp_path):
    go = tmp_path / "go"
    serve(plane, ("v1", "a", [variable("PASSWORD", SECRET)]))
    agent = new_agent().start()
    loaded(plane, "v1")
    steps = [
        ("print", f"one {SECRET} {SECRET[:4]}"),
        ("wait_file", str(go)),
        ("print", f"{SECRET[4:]}."),
        ("log", SECRET),
    ]
    attempt = plane.launch("v1", run_config=script(*steps, "success"))
    eventually(lambda: attempt.logs[("step", "stdout")], lambda data: data == b"one [redacted:PASSWORD] ")

    agent.kill9()
    agent.start()
    go.touch()
    ended(attempt)

    assert logs_closed(attempt)[("step", "stdout")] == b"one [redacted:PASSWORD] [redacted:PASSWORD]."
    assert attempt.messages == ["[redacted:PASSWORD]"]


def test_failure_to_load_does_not_tell_the_value(plane, new_agent):
    plane.environments["v1"] = LocationEnvironment(fingerprint="a", variables=[variable("X", "module named nonsense")])
    plane.serve(location("v1", "fails", environment="a"))
    agent = new_agent().start()

    report = loaded(plane, "v1", "failed")

    assert "module named nonsense" not in str(report)
    assert "module named nonsense" not in (agent.folder / "agent.log").read_text()


def test_reference_that_cannot_be_resolved_is_said_in_words(plane, new_agent):
    reference = SecretReference(store="vault", secret="secret/db#password")
    serve(plane, ("v1", "a", [EnvironmentVariable(name="DB", reference=reference)]))
    new_agent().start()

    report = loaded(plane, "v1", "failed")

    assert "The environment variable DB has no value: This agent has no Vault" in report.error.message


def nowhere_below(folder, text):
    """Once everything is handed over, the home folder has no trace."""
    command = ["grep", "-rlF", text, str(folder)]
    return (
        eventually(lambda: subprocess.run(command, capture_output=True, check=False).stdout, lambda found: not found)
        == b""
    )
