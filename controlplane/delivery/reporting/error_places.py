"""Where in the repository an error of loading comes from: the innermost line of the user's own files in its stack."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from controlplane.delivery.hosts.base import Annotation
from controlplane.delivery.reporting.markdown import cut
from controlplane.deployments.models import LocationVersion

_FRAME = re.compile(r'File "([^"\n]{1,1000})", line (\d{1,7})')
# Where agents unpack archives (agent/sources/archives.py): their name for one is their own.
_UNPACKED = re.compile(r"/sources/[0-9a-f]{64}[^/]*/(.+)")
_PROBLEM = re.compile(r"^([^\s:][^:\n]{0,500}):(\d{1,7}): (.+)$", re.MULTILINE)
_MOST = 10
_DEPTH = 10


def annotation_of(version: LocationVersion, folder: str) -> Annotation | None:
    """The place of a version's error. `folder` is its build directory in the repository; None when no line of it is in the archive."""
    error: Mapping[str, Any] | None = version.error
    if not error or not version.source_sha256:
        return None
    found = [place for text in _texts(error) for place in _places(text)]
    if not found:
        return None
    path, line = found[-1]
    inside = path if folder in {"", "."} else f"{folder}/{path}"
    return Annotation(path=inside, line=line, title="Failed to load", message=cut(message_of(error), 2000))


def annotations_of_problems(text: str) -> tuple[Annotation, ...]:
    """Problems of the project's own files, as `problems.ProjectError` writes them: `path:line: what is wrong`."""
    found = _PROBLEM.findall(text)[:_MOST]
    return tuple(
        Annotation(path=path, line=int(line), title="Wrong in the project", message=cut(message, 2000))
        for path, line, message in found
        if not path.startswith("/") and ".." not in path.split("/")
    )


def message_of(error: Mapping[str, Any]) -> str:
    """What a stored error says in the end: its innermost cause."""
    return str(list(_chain(error))[-1].get("message", "")).strip()


def _chain(error: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The error and its causes, the innermost last."""
    current: Mapping[str, Any] | None = error
    for _ in range(_DEPTH):
        if not current:
            return
        yield current
        current = current.get("cause")


def _texts(error: Mapping[str, Any]) -> Iterator[str]:
    for one in _chain(error):
        yield from map(str, one.get("stack") or ())
        # A SyntaxError has the place in its message.
        yield str(one.get("message", ""))


def _places(text: str) -> Iterator[tuple[str, int]]:
    """Paths below the folder that the archive was unpacked to."""
    for path, line in _FRAME.findall(text):
        unpacked = _UNPACKED.search(path)
        inner = unpacked[1] if unpacked else ""
        if inner and ".." not in inner.split("/") and "/site-packages/" not in inner:
            yield inner, int(line)
