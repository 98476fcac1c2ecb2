"""The state of a CI deploy: a folder of JSON files, so that its steps can run in different jobs. No token is in it."""

import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from controlplane.cli.checkout import Checkout
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.delivery.project.document import LocationDocument

VARIABLES = ("DAGGERBOARD_BUILD_STATEDIR", "DAGSTER_BUILD_STATEDIR")
DEFAULT = ".daggerboard-ci"
_SESSION, _PREFIX = "session.json", "location-"
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class StatusChange:
    """One thing that happened to a location: pending, success or failed."""

    timestamp: str
    status: str
    log: str


@dataclass(frozen=True)
class BuildOutput:
    """What was built: `source` with the archive's sha256, or `docker` with an image."""

    strategy: str
    image: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class LocationState:
    """One code location of the session."""

    location_name: str
    document: LocationDocument
    build_output: BuildOutput | None = None
    version: dict[str, Any] | None = None
    history: tuple[StatusChange, ...] = ()

    def noted(self, status: str, log: str, **changes: Any) -> "LocationState":
        """With one more line of history."""
        change = StatusChange(datetime.now(UTC).isoformat(timespec="seconds"), status, log)
        return replace(self, history=(*self.history, change), **changes)

    @property
    def status(self) -> str:
        """How it stands."""
        return self.history[-1].status if self.history else "pending"


@dataclass(frozen=True)
class Session:
    """What is deployed where, as `ci init` found it. `ended`: the pull request is over, and nothing is left to deploy."""

    url: str
    organization: str
    deployment: str
    is_branch_deployment: bool
    root: str
    file: str
    deployment_url: str = ""
    ended: bool = False
    status_url: str = ""
    checkout: Checkout = field(default_factory=Checkout)


class StateDir:
    """The folder. CommandError when it holds no session, or cannot be read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, session: Session, locations: list[LocationState]) -> None:
        """Start anew: what an earlier session left is forgotten."""
        self.path.mkdir(parents=True, exist_ok=True)
        for old in self.path.glob(f"{_PREFIX}*.json"):
            old.unlink()
        self._write(_SESSION, session)
        for location in locations:
            self.save(location)

    def session(self) -> Session:
        """What `ci init` wrote."""
        return self._read(_SESSION, Session)

    def locations(self, names: list[str] | None = None) -> list[LocationState]:
        """All, or those that are named, by name."""
        files = sorted(path.name for path in self.path.glob(f"{_PREFIX}*.json"))
        found = [self._read(name, LocationState) for name in files]
        unknown = set(names or []) - {location.location_name for location in found}
        if unknown:
            known = ", ".join(location.location_name for location in found)
            raise CommandError(
                f"There is no code location {', '.join(sorted(unknown))}; there are {known}.", exit_code=ExitCode.USAGE
            )
        return [location for location in found if not names or location.location_name in names]

    def save(self, location: LocationState) -> LocationState:
        """Write one location."""
        self._write(f"{_PREFIX}{quote(location.location_name, safe='')}.json", location)
        return location

    def _write(self, name: str, value: object) -> None:
        (self.path / name).write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=1))

    def _read(self, name: str, kind: type[Kind]) -> Kind:
        path = self.path / name
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except FileNotFoundError as error:
            raise CommandError(
                f"There is no session in {self.path}. Run `daggerboard ci init` first, with the same --statedir.",
                exit_code=ExitCode.USAGE,
            ) from error
        except (OSError, msgspec.DecodeError) as error:
            raise CommandError(f"{path} cannot be read ({error}). Run `daggerboard ci init` again.") from error


def find_state_dir(path: Path | None) -> StateDir:
    """The folder that was named, or the environment's, or one here."""
    named = next((value for name in VARIABLES if (value := os.environ.get(name))), DEFAULT)
    return StateDir(path or Path(named))
