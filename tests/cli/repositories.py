"""Git repositories of a test's own, with two small Dagster projects in them."""

import os
import subprocess
from pathlib import Path

from tests.delivery.project.trees import write_tree

ASSET = """\
import dagster as dg


@dg.asset
def {name}() -> int:
    return 1


defs = dg.Definitions([{name}])
"""
CLOUD = """\
locations:
  - location_name: sales
    code_source: {python_file: defs.py}
    build: {directory: sales}
  - location_name: ml
    code_source: {python_file: defs.py}
    build: {directory: ml}
"""
FILES = {
    "dagster_cloud.yaml": CLOUD,
    "sales/defs.py": ASSET.format(name="orders"),
    "ml/defs.py": ASSET.format(name="model"),
    ".gitignore": ".daggerboard-ci/\n",
}
_IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
}


def git(folder: Path, *words: str) -> str:
    """What a git command prints; it must succeed."""
    env = {**os.environ, **_IDENTITY}
    return subprocess.run(
        ["git", *words], cwd=folder, env=env, capture_output=True, text=True, check=True
    ).stdout.strip()


def make_repository(folder: Path, files: dict[str, str] = FILES) -> Path:
    """A repository acme/shop on branch main with one commit."""
    write_tree(folder, files)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "remote", "add", "origin", "https://ci:token@git.example.com/acme/shop.git")
    commit(folder, "First")
    return folder


def commit(folder: Path, message: str, files: dict[str, str] | None = None) -> str:
    """Commit everything, perhaps with these files; the commit's id."""
    write_tree(folder, files or {})
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")
