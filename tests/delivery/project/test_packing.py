"""Source archives: the same files make the same bytes; what Git ignores, and what is too much, stays out."""

import gzip
import hashlib
import io
import os
import tarfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.delivery.project.document import LocationDocument
from controlplane.delivery.project.packing import Limits, pack, pack_location
from controlplane.delivery.project.problems import ProjectError
from tests.delivery.project.trees import write_tree


def members(archive):
    with tarfile.open(fileobj=io.BytesIO(archive.content), mode="r:gz") as tar:
        return {member.name: member for member in tar.getmembers()}


def packed(root, directory="."):
    return list(members(pack(root, directory, Limits())))


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0\\", exclude_categories=["Cs"]), min_size=1, max_size=30)  # fmt: skip
FILES = st.dictionaries(
    NAMES.filter(lambda name: name.strip(". ") and name != ".gitignore"), st.binary(max_size=70_000), min_size=1, max_size=8
)  # fmt: skip


@given(files=FILES, order=st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_same_files_make_the_same_bytes(tmp_path_factory, files, order):
    archives = []
    for turn in range(2):
        root = tmp_path_factory.mktemp("tree")
        names = sorted(files)
        order.shuffle(names)
        for name in names:
            (root / name).write_bytes(files[name])
            os.utime(root / name, (turn * 1000, turn * 1000))
            (root / name).chmod(0o600 if turn else 0o664)
        archives.append(pack(root, ".", Limits()))

    assert archives[0] == archives[1]
    content = archives[0].content
    assert archives[0].sha256 == hashlib.sha256(content).hexdigest()
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as tar:
        assert {name: tar.extractfile(name).read() for name in tar.getnames()} == files


def test_bytes_are_those_that_every_version_made(tmp_path):
    write_tree(tmp_path, {"a.py": "x = 1\n", "b/run.sh": "#!/bin/sh\n", "é.txt": "ü"})
    (tmp_path / "b/run.sh").chmod(0o755)
    (tmp_path / "b/link").symlink_to("../a.py")

    archive = pack(tmp_path, ".", Limits())

    assert archive.sha256 == "6d16902b41ef65fc260fb452eb55d9eaeb01dff6af242ac9c7f2ed8f7c28fd99"
    found = members(archive)
    assert {name: oct(member.mode) for name, member in found.items()} == {
        "a.py": "0o644",
        "b/link": "0o777",
        "b/run.sh": "0o755",
        "é.txt": "0o644",
    }
    assert {(member.mtime, member.uid, member.gid, member.uname) for member in found.values()} == {(0, 0, 0, "")}


def test_what_is_ignored_stays_out(tmp_path):
    write_tree(
        tmp_path,
        {
            ".gitignore": "*.log\n/build\n!keep.log\ndata/*\n!data/sample.csv\nhidden/\n",
            "app.py": "",
            "x.log": "",
            "keep.log": "",
            "build/x": "",
            "src/build/x": "",
            "data/big.csv": "",
            "data/sample.csv": "",
            "hidden/.gitignore": "!*",
            "hidden/x": "",
            "sub/.gitignore": "!x.log\n/app.py\n",
            "sub/x.log": "",
            "sub/y.log": "",
            "sub/app.py": "",
            "sub/deep/app.py": "",
            ".git/config": "",
            ".venv/bin/python": "",
            "env/pyvenv.cfg": "",
            "env/lib/x.py": "",
            "sub/__pycache__/x.pyc": "",
            "sub/node_modules/x.js": "",
        },
    )

    assert packed(tmp_path) == [
        ".gitignore",
        "app.py",
        "data/sample.csv",
        "keep.log",
        "src/build/x",
        "sub/.gitignore",
        "sub/deep/app.py",
        "sub/x.log",
    ]


def test_ignore_files_above_the_build_directory_count(tmp_path):
    write_tree(tmp_path, {".gitignore": "*.csv\n/a/out/\n", "a/x.csv": "", "a/x.py": "", "a/out/y": "", "b/x.py": ""})

    assert packed(tmp_path, "a") == ["x.py"]


def test_one_location_changes_and_the_other_does_not(tmp_path):
    write_tree(tmp_path, {"a/x.py": "1", "b/x.py": "1", "README": "1"})
    before = [pack(tmp_path, name, Limits()).sha256 for name in "ab"]

    write_tree(tmp_path, {"a/x.py": "2", "README": "2"})
    after = [pack(tmp_path, name, Limits()).sha256 for name in "ab"]

    assert (before[0] != after[0], before[1] == after[1]) == (True, True)


def test_links_that_lead_out_are_left_out(tmp_path):
    (tmp_path / "secret").write_text("s")
    root = write_tree(tmp_path / "project", {"a/x.py": ""})
    (root / "inside").symlink_to("a/x.py")
    (root / "a/up").symlink_to("../a")
    (root / "out").symlink_to("../secret")
    (root / "absolute").symlink_to(tmp_path / "secret")
    # Written, it stays inside; followed through `a/up`, it does not.
    (root / "a/winding").symlink_to("up/../../secret")

    archive = pack(root, ".", Limits())

    assert (list(members(archive)), archive.left_out) == (
        ["a/up", "a/x.py", "inside"],
        ("a/winding", "absolute", "out"),
    )
    assert members(archive)["inside"].linkname == "a/x.py"


def test_too_large_names_the_largest(tmp_path):
    write_tree(tmp_path, {"data/big.bin": "x" * 3_000_000, "data/small.bin": "x" * 100_000, "a.py": ""})

    with pytest.raises(
        ProjectError, match=r"3\.0 MiB; 1\.0 MiB are allowed\. The largest files are data/big\.bin \(2\.9 MiB\), data/s"
    ):
        pack(tmp_path, ".", Limits(bytes=1024 * 1024))


def test_too_many_files_names_their_folders(tmp_path):
    write_tree(tmp_path, {**{f"many/{n}": "" for n in range(20)}, "a.py": ""})

    with pytest.raises(ProjectError, match=r"It has 21 files; 10 may be packed\. Most are in many \(20\), \. \(1\)"):
        pack(tmp_path, ".", Limits(files=10))


def test_nothing_to_pack_is_refused(tmp_path):
    write_tree(tmp_path, {".gitignore": "*"})

    with pytest.raises(ProjectError, match="no file to pack"):
        pack(tmp_path, ".", Limits())


@pytest.mark.parametrize("key", ["working_directory", "executable_path", "python_file"])
@pytest.mark.parametrize("path", ["/opt/app", "../app"])
def test_paths_outside_have_no_meaning_in_an_archive(tmp_path, key, path):
    write_tree(tmp_path, {"a.py": ""})

    with pytest.raises(ProjectError, match=rf"{key}: {key} of a is {path}, outside of the build directory"):
        pack_location(tmp_path, LocationDocument(name="a", **{key: path}), Limits())
