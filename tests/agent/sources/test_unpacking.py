"""What a hostile archive cannot do: land outside, fill the disk, make what is no file. What an honest one becomes."""

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from agent.sources import unpacking
from agent.sources.unpacking import BadArchiveError, Limits, unpack
from tests.agent.sources.archives import link, packed, special
from tests.delivery.hostile_archives import out_of_reach

MEGABYTE = 1024 * 1024


def unpacked(tmp_path: Path, content: bytes, *, limit: int = 10 * MEGABYTE, room: bool = True) -> Path:
    archive, folder = tmp_path / "a.tar.gz", tmp_path / "in" / "it"
    folder.parent.mkdir()
    archive.write_bytes(content)
    unpack(archive, folder, limits=Limits(unpacked_bytes=limit), has_room=lambda: room)
    return folder


def outside(tmp_path: Path) -> set[str]:
    """Everything below the test's folder that is not in the unpacked one."""
    return {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")} - {"a.tar.gz", "in", "in/it"}


def test_files_folders_and_links_are_there(tmp_path: Path) -> None:
    files = {"a/b.py": "B = 1", "run.sh": "#!/bin/sh"}
    folder = unpacked(tmp_path, packed(files, link("a/c.py", "b.py"), link("again.py", "a/b.py", tarfile.LNKTYPE)))

    assert (folder / "a/b.py").read_text() == "B = 1"
    assert (folder / "a/c.py").resolve() == (folder / "a/b.py").resolve()
    assert (folder / "again.py").read_text() == "B = 1"
    # Code is not changed in place, not even by itself.
    assert (folder / "a/b.py").stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize("name", ["../out.py", "/tmp/out-of-it.py", "a/../../out.py", "..", "a\0b"])
def test_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    member = tarfile.TarInfo("x")
    member.name = name
    raw = packed({}, member) if "\0" not in name else packed({"../a": "x"})

    with pytest.raises(BadArchiveError, match="leads out of it"):
        unpacked(tmp_path, raw)
    assert outside(tmp_path) == set()


@pytest.mark.parametrize(
    "links",
    [
        [link("out", "../..")],
        [link("out", "/etc/passwd")],
        [link("d/out", "../../it2")],
        # Each alone stays inside; together they lead out.
        [link("d/e/up", "../.."), link("out", "d/e/up/..")],
        # It goes up after it went down, which is where links on the way count.
        [link("out", "d/../d")],
    ],
)
def test_link_that_leads_out_is_refused(tmp_path: Path, links: list[tarfile.TarInfo]) -> None:
    with pytest.raises(BadArchiveError, match="outside of it"):
        unpacked(tmp_path, packed({"d/e/f": "x"}, *links))


@pytest.mark.parametrize("planted", ["owned.txt", ""])
def test_links_too_long_to_follow_lead_nowhere(tmp_path: Path, planted: str) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()

    with pytest.raises(BadArchiveError):
        unpacked(tmp_path, out_of_reach(victim, top="", planted=planted))
    assert list(victim.iterdir()) == []


def test_no_file_is_written_through_a_link(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        tar.addfile(link("d", str(target)))
        member = tarfile.TarInfo("d/planted")
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))

    with pytest.raises(BadArchiveError):
        unpacked(tmp_path, file.getvalue())
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("target", ["../../secret", "/etc/hostname", "not-there"])
def test_hard_link_to_what_is_not_packed_is_refused(tmp_path: Path, target: str) -> None:
    with pytest.raises(BadArchiveError):
        unpacked(tmp_path, packed({}, link("x", target, tarfile.LNKTYPE)))


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_device_or_pipe_is_refused(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(BadArchiveError, match="neither a file nor a folder nor a link"):
        unpacked(tmp_path, packed({}, special("x", kind)))


def test_archive_that_unpacks_to_more_than_allowed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadArchiveError, match="more than 1 MiB"):
        unpacked(tmp_path, packed({"x": os.urandom(MEGABYTE), "y": "z"}), limit=MEGABYTE)


def test_bomb_is_refused_long_before_it_has_filled_anything(tmp_path: Path) -> None:
    """Half a gigabyte of zeros in half a megabyte."""
    file = io.BytesIO()
    with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packer, tarfile.open(fileobj=packer, mode="w|") as tar:
        member = tarfile.TarInfo("zeros")
        member.size = 512 * MEGABYTE
        tar.addfile(member, _Zeros())

    with pytest.raises(BadArchiveError, match="200 times its size"):
        unpacked(tmp_path, file.getvalue(), limit=1024 * MEGABYTE)
    assert sum(path.stat().st_size for path in tmp_path.rglob("zeros")) < 140 * MEGABYTE


class _Zeros(io.RawIOBase):
    def read(self, size: int = -1) -> bytes:
        return bytes(size)


def test_more_files_than_allowed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_FILES", 5)

    with pytest.raises(BadArchiveError, match="more than 5 files"):
        unpacked(tmp_path, packed({str(n): "" for n in range(6)}))


def test_full_disk_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadArchiveError, match="no room"):
        unpacked(tmp_path, packed({"x": "y"}), room=False)


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", packed({"x": "y" * 10_000})[:-20], gzip.compress(b"no tar")],
    # Not the bytes: they hold the time at which they were made.
    ids=["nothing", "no gzip", "cut off", "no tar"],
)
def test_what_is_no_archive_is_said(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BadArchiveError, match=r"damaged or no gzipped tar|unpacked"):
        unpacked(tmp_path, content)


def test_name_of_a_file_that_is_a_folder_before_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadArchiveError):
        unpacked(tmp_path, packed({"a/b": "x", "a": "y"}))
