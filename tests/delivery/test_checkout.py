"""What the archive of a stranger's commit cannot do to the server, and what an honest one becomes."""

from pathlib import Path
from typing import Any

import pytest

from controlplane.delivery.pull_requests.checkout import checkout
from tenants.errors import InvalidError
from tests.agent.sources.archives import link, packed
from tests.delivery.hostile_archives import out_of_reach


class _Host:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def archive(self, *_args: object) -> bytes:
        return self._content


def checked_out(content: bytes) -> Any:
    return checkout(_Host(content), "1", "a" * 40)  # type: ignore[arg-type]  # nothing else of a host is asked


def test_files_programs_and_links_are_there() -> None:
    files = {"r/a/b.py": "B = 1", "r/c.py": ""}
    with checked_out(packed(files, link("r/a/up.py", "../c.py"), link("r/folder", "a"))) as root:
        assert (root / "a/b.py").read_text() == "B = 1"
        assert (root / "a/up.py").resolve() == (root / "c.py").resolve()
        assert (root / "folder/b.py").read_text() == "B = 1"


@pytest.mark.parametrize("planted", ["owned.txt", ""])
def test_nothing_is_written_outside_through_links_too_long_to_follow(tmp_path: Path, planted: str) -> None:
    try:
        with checked_out(out_of_reach(tmp_path, planted=planted)) as root:
            assert not (root / "escape").is_symlink()
    except InvalidError:
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", ["/etc/passwd", "../../out", "a/../../out", "a/../b"])
def test_link_that_may_lead_out_is_left_out(target: str) -> None:
    with checked_out(packed({"r/a/b": "", "r/b": ""}, link("r/x", target))) as root:
        assert sorted(path.name for path in root.iterdir()) == ["a", "b"]


def test_names_that_lead_out_or_lie_beside_the_tree_are_left_out(tmp_path: Path) -> None:
    with checked_out(packed({"r/../../x": "x", f"{tmp_path}/x": "x", "x": "x", "r/kept": ""})) as root:
        assert [path.name for path in root.iterdir()] == ["kept"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("files", "words"),
    [({f"r/{'n' * 300}.py": ""}, "too long"), ({"r/a/b": "", "r/a": ""}, "both a file and a folder")],
)
def test_names_that_no_disk_takes_are_said(files: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidError, match=words), checked_out(packed(files)):
        pass
