"""Reading and packing a project of somebody else in a process of its own: templates, YAML and patterns of a stranger may take all the
time and memory there is. The process has limits, and none of our environment.

Started as `python -m controlplane.delivery.project.apart`, with an Order on standard input; it answers an Outcome.
"""

import resource
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from controlplane.delivery.project.document import LocationDocument
from controlplane.delivery.project.packing import Limits, pack_location
from controlplane.delivery.project.problems import Problem, ProjectError, refuse
from controlplane.delivery.project.reading import Project, read_project

_MEMORY_BYTES = 1024 * 1024 * 1024
_SECONDS = 60
# More than any project has; each may be packed from the same files again.
_MAX_LOCATIONS = 200


@dataclass(frozen=True)
class PackedLocation:
    """The archive of one location, in a file called `<sha256>.tar.gz`."""

    sha256: str
    bytes: int
    files: int
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class PackedProject:
    """What a project consists of, and the archives of those locations that have no image, by name."""

    project: Project
    archives: Mapping[str, PackedLocation]


@dataclass(frozen=True)
class Order:
    """What the process is to do."""

    root: str
    into: str
    limits: Limits
    # Of all archives together.
    total_bytes: int = 512 * 1024 * 1024
    folder: str = "."
    file: str | None = None
    name: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of it: problems, or the project."""

    problems: tuple[Problem, ...] = ()
    file: str = ""
    locations: tuple[LocationDocument, ...] = ()
    archives: dict[str, PackedLocation] = field(default_factory=dict)


def read_and_pack(order: Order) -> PackedProject:
    """Read the project in `order.root` and write its archives into the folder `order.into`, in a process of its own.

    ProjectError for what is wrong in it, and when it takes too long or too much memory. Takes up to a minute: never in a transaction.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-m", __name__],
            input=msgspec.json.encode(order),
            capture_output=True,
            env={"LC_ALL": "C.UTF-8"},
            timeout=2 * _SECONDS,
            check=False,
        )
        outcome = msgspec.json.decode(done.stdout, type=Outcome)
    except (subprocess.TimeoutExpired, msgspec.DecodeError) as error:
        raise refuse(
            "Reading the project took too long or too much memory. Are its templates and files small?"
        ) from error
    if outcome.problems:
        raise ProjectError(outcome.problems)
    return PackedProject(Project(Path(order.root), outcome.file, outcome.locations), outcome.archives)


def _carry_out(order: Order) -> Outcome:
    project = read_project(
        Path(order.root),
        folder=order.folder,
        file=order.file,
        name=order.name,
        values=order.values,
        environment=order.environment,
    )
    if len(project.locations) > _MAX_LOCATIONS:
        raise refuse(
            f"The project has {len(project.locations)} code locations; {_MAX_LOCATIONS} may be packed.",
            path=project.file,
        )
    archives: dict[str, PackedLocation] = {}
    left = order.total_bytes
    for document in project.locations:
        if not document.image:
            packed = archives[document.name] = _write(project, document, order, left)
            left -= packed.bytes
    return Outcome(file=project.file, locations=project.locations, archives=archives)


def _write(project: Project, document: LocationDocument, order: Order, left: int) -> PackedLocation:
    archive = pack_location(project.root, document, order.limits)
    if len(archive.content) > left:
        raise refuse(
            f"All code locations together pack to more than {order.total_bytes // 2**20} MiB. Give each a build directory of its own "
            "(build.directory), so that no file is packed many times, or deploy from CI.",
            path=project.file,
        )
    (Path(order.into) / f"{archive.sha256}.tar.gz").write_bytes(archive.content)
    return PackedLocation(archive.sha256, len(archive.content), archive.files, archive.left_out)


def main() -> None:
    """Carry out the order on standard input within the limits."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    try:
        outcome = _carry_out(order)
    except ProjectError as error:
        outcome = Outcome(problems=error.problems)
    sys.stdout.buffer.write(msgspec.json.encode(outcome))


if __name__ == "__main__":
    main()
