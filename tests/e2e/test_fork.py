"""A stranger's pull request, with real processes: nothing of it is fetched before somebody approved it, and no secret reaches it after."""

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.delivery.hosts.repositories import FakePullRequest
from tests.previews import PYPROJECT, Previews, previews, shop
from tests.waiting import eventually

# One is stored for production and for all branches, the other is in the environment of the agent.
STORED, INHERITED = "canary-stored-51c07e", "canary-inherited-88d3af"
SPY = """
import json, os
from pathlib import Path
import dagster as dg

def everything():
    found = {"own": dict(os.environ)}
    try:
        found["parent"] = Path(f"/proc/{os.getppid()}/environ").read_bytes().decode()
    except OSError as error:
        found["parent"] = str(error)
    return json.dumps(found)

def disguised(text):
    return text.encode().hex()

print(everything(), disguised(everything()), flush=True)

@dg.asset(metadata={"at import": disguised(json.dumps(dict(os.environ)))})
def orders(context):
    for name, value in os.environ.items():
        print("SEEN", name, value, flush=True)
    print(disguised(everything()), flush=True)
    context.log.info(everything())
    return dg.MaterializeResult(metadata={"seen": everything(), "disguised": disguised(everything())})

@dg.asset
def fails():
    raise ValueError(everything() + disguised(everything()))

defs = dg.Definitions([orders, fails])
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Previews]:
    # `up` hands few names of its environment on to its agent. This is one that code of strangers is to see nothing of.
    home = tmp_path_factory.mktemp(INHERITED)
    with previews(tmp_path_factory.mktemp("fork"), shop("orders"), HOME=str(home)) as made:
        scopes = {"full_deployment": True, "all_branch_deployments": True}
        made.call("POST", "deployments/prod/environment/", {"name": "STORED_CANARY", "value": STORED, "scopes": scopes})
        yield made


def asked_of(here: Previews, sha: str) -> list[str]:
    """Requests to the host that name a commit in their address."""
    return [asked.path for asked in here.host.asked if sha in f"{asked.path} {asked.query}"]


def environment_of(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_bytes().decode()


def run_in_branch(here: Previews, asset: str, status: str) -> str:
    """Everything that the REST API and the host say of a run."""
    with here.installation.client as client:
        path = f"/api/v1/organizations/{client.profile.organization}/deployments/pr-1/runs/"
        run = client.post(path, {"location": "shop", "assets": [asset]})
        client.wait(f"{path}{run['id']}/", lambda found: found["status"] == status, seconds=180, what="the run")
        client.wait(
            f"{path}{run['id']}/events/",
            lambda found: found["results"][-1]["type"] == "AGENT_EXITED",
            seconds=120,
            what="the end of its process",
        )
        said = json.dumps(list(client.pages(f"{path}{run['id']}/events/", limit=500)))
        for log in list(client.pages(f"{path}{run['id']}/logs/")):
            said += client.content(f"{path}{run['id']}/logs/{log['stream']}/", log_key=log["log_key"]).decode()
    return said


def said_at_host(pull: FakePullRequest) -> str:
    """All that the pull request was told in its life."""
    comments = [body for comment in pull.comments for body in comment.bodies]
    checks = [f"{check.title} {check.summary} {check.annotations}" for check in pull.repository.checks.values()]
    return " ".join([*comments, *checks, *(found.description for found in pull.repository.deployments.values())])


def shows_canary(text: str) -> list[str]:
    """The canaries in a text, as they are or in disguise."""
    return [canary for canary in (STORED, INHERITED) if canary in text or canary.encode().hex() in text]


def check_of(here: Previews, pull: FakePullRequest) -> str:
    """What the check of the head says; empty before there is one."""
    with here.host.lock:
        known = here.repository.checks_of(pull.head_sha)
    return known["Daggerboard / deploy"].state if known else ""


def assert_held(here: Previews, pull: FakePullRequest) -> None:
    here.wait_said(pull, "waits for approval")
    eventually(lambda: check_of(here, pull), lambda found: found == "action_required")
    assert here.branch("pr-1")["delivery"]["awaits_approval"] == pull.head_sha
    assert asked_of(here, pull.head_sha) == [], "nothing of a commit is fetched that waits"


def serves(pid: int, place: str) -> bool:
    """Whether this process, if it is there still, has the place in its command."""
    try:
        return any(place in word for word in psutil.Process(pid).cmdline())
    except psutil.NoSuchProcess:
        return False


def worker_of(here: Previews, deployment: str) -> int:
    """The code worker of the only code location of a deployment."""

    def found() -> list[int]:
        return [pid for pid in here.installation.code_workers() if serves(pid, f"/{deployment}/shop")]

    [pid] = eventually(found, lambda pids: len(pids) == 1)
    return pid


@pytest.mark.timeout(300)
def test_fork_waits_for_approval_and_never_reaches_a_secret(here):
    production = eventually(
        lambda: shows_canary(environment_of(worker_of(here, "prod"))), lambda found: len(found) == 2, seconds=30
    )
    assert production == [STORED, INHERITED], "both are there to be taken"
    stranger = here.repository.fork("stranger")
    stranger.push("idea", {"pyproject.toml": PYPROJECT, "shop/definitions.py": SPY})
    pull = here.repository.open_pull_request("idea", source=stranger, author="stranger")

    assert_held(here, pull)
    assert here.branch("pr-1")["state"] == "held"
    assert here.call("GET", "deployments/pr-1/code-locations/")["results"] == []
    here.wait_workers(1)

    approved = pull.head_sha
    here.call("POST", "branch-deployments/pr-1/approve/", {"sha": approved})
    here.wait_said(pull, "Ready")
    assert [path for path in asked_of(here, approved) if "tar" in path], "what is approved is fetched"
    assert shows_canary(environment_of(worker_of(here, "pr-1"))) == []
    said = run_in_branch(here, "orders", "SUCCESS") + run_in_branch(here, "fails", "FAILURE")
    assert "SEEN DAGGERBOARD_IS_BRANCH_DEPLOYMENT 1" in said
    assert b"DAGGERBOARD_PULL_REQUEST_ID".hex() in said, "its disguise would show"
    definitions = json.dumps([here.call("GET", f"deployments/pr-1/{what}/") for what in ("assets", "assets/orders")])
    assert shows_canary(said + definitions) == []

    stranger.push("idea", {"shop/worse.py": "raise SystemExit\n"})
    assert_held(here, pull)
    [version] = here.call("GET", "deployments/pr-1/code-locations/shop/versions/")["results"]
    assert version["git_commit"] == approved

    pull.close()
    here.wait_state("pr-1", "archived")
    here.wait_workers(1)
    assert asked_of(here, pull.head_sha) == []
    assert shows_canary(said_at_host(pull)) == []
