"""A branch's files: written beside the base's, read with the base's behind them, gone at the end."""

import os
import shutil
import subprocess
import sys

import pytest
from daggerboard_branchkit import BaseGuard, BaseWriteRefusedError, Branch, BranchFolder, NotABranchError

BRANCH = Branch("pr-7", base="prod")


@pytest.fixture
def base(tmp_path):
    (tmp_path / "days").mkdir()
    (tmp_path / "table").write_text("base")
    (tmp_path / "days" / "1").write_text("base 1")
    (tmp_path / "days" / "2").write_text("base 2")
    return tmp_path


def test_branch_writes_beside_the_base_and_reads_its_own_first(base):
    folder = BranchFolder(base, BRANCH)
    assert folder.for_reading("table").read_text() == "base"
    folder.for_writing("table").write_text("branch")

    assert folder.for_reading("table").read_text() == "branch"
    assert (base / "table").read_text() == "base"
    assert folder.for_reading("nowhere") == base / "nowhere"


def test_pattern_finds_the_branchs_files_in_place_of_the_bases(base):
    folder = BranchFolder(base, BRANCH)
    folder.for_writing("days/2").write_text("branch 2")
    folder.for_writing("days/3").write_text("branch 3")
    BranchFolder(base, Branch("pr-8")).for_writing("days/4").write_text("of another")

    assert [path.read_text() for path in folder.glob("days/*")] == ["base 1", "branch 2", "branch 3"]
    assert [path.read_text() for path in BranchFolder(base).glob("days/*")] == ["base 1", "base 2"]
    assert len(BranchFolder(base).glob("**/*")) == 4


def test_full_deployment_writes_where_it_always_did(base):
    BranchFolder(base).for_writing("table").write_text("new")

    assert (base / "table").read_text() == "new"
    with pytest.raises(NotABranchError):
        BranchFolder(base).drop()


def test_after_the_end_nothing_of_the_branch_is_left(base):
    before = sorted(base.rglob("*"))
    folder = BranchFolder(base, BRANCH)
    folder.for_writing("days/2").write_text("branch 2")
    folder.for_writing("new/deep/table").write_text("branch")

    assert folder.drop() == 2
    assert folder.drop() == 0
    assert sorted(base.rglob("*")) == before


def test_end_of_one_branch_leaves_the_others(base):
    other = BranchFolder(base, Branch("pr-8")).for_writing("table")
    other.write_text("of another")
    folder = BranchFolder(base, BRANCH)
    folder.for_writing("table").write_text("branch")
    folder.drop()

    assert other.read_text() == "of another"


@pytest.mark.parametrize("path", ["../table", "/etc/passwd", "a/../../table", "../pr_8/table"])
def test_writing_stays_inside(base, path):
    with pytest.raises(BaseWriteRefusedError):
        BranchFolder(base, BRANCH).for_writing(path)


def test_writing_through_a_link_stays_inside(base):
    folder = BranchFolder(base, BRANCH)
    folder.for_writing("x").touch()
    (folder.root / "out").symlink_to(base)

    with pytest.raises(BaseWriteRefusedError):
        folder.for_writing("out/table")


ATTEMPTS = {
    "open": "open(base / 'table', 'w')",
    "append": "open(base / 'table', 'ab')",
    "remove": "(base / 'table').unlink()",
    "rename onto": "(base / 'branches/pr_7/own').rename(base / 'table')",
    "rename away": "(base / 'table').rename(base / 'branches/pr_7/stolen')",
    "tree": "shutil.rmtree(base / 'days')",
    "folder": "(base / 'fresh').mkdir()",
    "through a link": "open(base / 'branches/pr_7/link', 'w')",
    "other branch": "(base / 'branches/pr_8').mkdir()",
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
@pytest.mark.parametrize("is_branch", [True, False], ids=["branch", "full deployment"])
def test_guard_refuses_what_would_change_the_base(base, attempt, is_branch):
    folder = BranchFolder(base, BRANCH)
    folder.for_writing("own").write_text("own")
    (folder.root / "link").symlink_to(base / "table")
    script = f"""
import pathlib, shutil
from daggerboard_branchkit import BaseGuard, BaseWriteRefusedError
base = pathlib.Path({str(base)!r})
BaseGuard.install(base)
open(base / "table").read()
open(base / "branches/pr_7/more", "w").write("fine")
try:
    {attempt}
except BaseWriteRefusedError as error:
    print("refused", error)
"""
    env = {**os.environ, "DAGGERBOARD_DEPLOYMENT": "pr-7", "DAGGERBOARD_IS_BRANCH_DEPLOYMENT": "1" if is_branch else ""}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("refused") is is_branch
    if is_branch:
        assert (base / "table").read_text() == "base"
        assert (base / "days" / "1").exists()


def test_guard_knows_what_is_allowed(base):
    guard = BaseGuard([base], BRANCH)
    guard.require_writable(base / "branches" / "pr_7" / "x")
    guard.require_writable(base.parent / "elsewhere")
    with pytest.raises(BaseWriteRefusedError, match="BranchFolder"):
        guard.require_writable(base / "table")
    shutil.rmtree(base)
