"""The sample project as a team's repository: a branch reads production's data, writes beside it, and leaves nothing behind."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.previews import Previews, previews

PROJECT = Path(__file__).parents[2] / "examples" / "flights"
CLOSING = "on_close: {location: flights, job: close_branch}\n"


def project() -> dict[str, str]:
    """The files of the sample project, with its hook."""
    files = [PROJECT / "pyproject.toml", PROJECT / "README.md", *sorted(PROJECT.glob("flights/**/*.py"))]
    return {str(file.relative_to(PROJECT)): file.read_text() for file in files} | {".daggerboard.yaml": CLOSING}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Iterator[Previews]:
    with previews(tmp_path_factory.mktemp("flights"), project()) as made:
        scopes = {"full_deployment": True, "all_branch_deployments": True}
        variable = {"name": "FLIGHTS_DATA_DIR", "value": str(data), "scopes": scopes, "masked": False}
        made.call("POST", "deployments/prod/environment/", variable)
        yield made


def contents(data: Path) -> dict[str, str]:
    """Each file below the folder, with a digest of its bytes."""
    files = [path for path in data.rglob("*") if path.is_file()]
    return {str(file.relative_to(data)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def materialize(here: Previews, deployment: str, *assets: str) -> None:
    with here.installation.client as client:
        path = f"/api/v1/organizations/{client.profile.organization}/deployments/{deployment}/runs/"
        run = client.post(path, {"location": "flights", "assets": list(assets)})
        ended = {"SUCCESS", "FAILURE", "CANCELED"}
        found = client.wait(f"{path}{run['id']}/", lambda r: r["status"] in ended, seconds=120, what="the run")
    assert found["status"] == "SUCCESS", found


@pytest.mark.timeout(400)
def test_branch_writes_beside_production_and_leaves_nothing(here, data):
    materialize(here, "prod", "raw/flights", "raw/planes", "fleet")
    before = contents(data)
    assert before.keys() == {"raw/flights.parquet", "raw/planes.parquet", "fleet.parquet"}

    year = project()["flights/assets/year.py"]
    here.repository.push(
        "miles", {"flights/assets/year.py": year.replace("flights DESC, tailnum", "miles DESC, tailnum")}
    )
    pull = here.repository.open_pull_request("miles")
    here.wait_said(pull, "Ready")
    materialize(here, "pr-1", "fleet")

    during = contents(data)
    assert during.keys() - before.keys() == {"branches/pr_1/fleet.parquet"}
    assert {name: during[name] for name in before} == before
    assert during["branches/pr_1/fleet.parquet"] != during["fleet.parquet"], "it is the branch's own query"

    here.host.outbox.loses = lambda _delivery: True
    pull.close()
    here.call("POST", f"repositories/{here.repository_id}/reconcile/")
    ended = here.wait_state("pr-1", "archived", seconds=120)

    assert ended["life"]["on_close_error"] == ""
    closing = here.call("GET", f"deployments/pr-1/runs/{ended['life']['on_close_run_id']}/")
    assert (closing["job_name"], closing["status"]) == ("close_branch", "SUCCESS")
    assert contents(data) == before
    assert not (data / "branches" / "pr_1").exists()
    here.wait_workers(1)
