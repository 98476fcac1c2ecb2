"""The recipe of docs/ci/deploy.sh, as a user runs it."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.repositories import FILES, commit, make_repository
from tests.installation import Installation

RECIPE = Path(__file__).parents[2] / "docs/ci/deploy.sh"
pytestmark = pytest.mark.timeout(240)


def recipe(daggerboard: Installation, repository: Path, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    profile = json.loads((daggerboard.home / "cli.json").read_text())
    given = {f"DAGGERBOARD_{name.upper()}": value for name, value in profile.items()}
    return subprocess.run(
        [RECIPE, *words],
        cwd=repository,
        env={**os.environ, **given, **more},
        capture_output=True,
        text=True,
        check=False,
    )


def test_recipe_deploys_and_says_why_it_cannot(daggerboard: Installation, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "shop", FILES)
    target = '{"python_file": "defs.py"}'
    pull = {"PULL_REQUEST": "77", "REPOSITORY": "acme/recipe", "BRANCH": "feature"}

    done = recipe(daggerboard, repository, "by curl", "ml", target)
    again = recipe(daggerboard, repository, "by curl", "ml", target)
    of_branch = recipe(daggerboard, repository, "by curl", "ml", target, **pull)
    commit(repository, "Broken", {"ml/defs.py": "raise ValueError('so it goes')\n"})
    failed = recipe(daggerboard, repository, "by curl", "ml", target)
    refused = recipe(daggerboard, repository, "by curl", "ml", target, DAGGERBOARD_TOKEN="wrong")

    assert (done.returncode, done.stdout) == (0, "by curl is loaded in prod.\n"), done.stderr
    assert again.stdout == done.stdout
    assert of_branch.stdout == "by curl is loaded in pr-77.\n", of_branch.stderr
    assert (failed.returncode, "ValueError: so it goes" in failed.stderr) == (1, True)
    assert refused.returncode != 0
    with daggerboard.client as client:
        assert client.get("code-locations/by%20curl/")["desired_version"]["number"] == 2
