"""The one folder of an embedded Daggerboard: its data, secrets, ports and logs, and who runs in it."""

import json
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from platformdirs import user_data_path

from controlplane.embedded.errors import (
    AlreadyRunningError,
    BrokenDataError,
    PortInUseError,
    explain_os_error,
)
from controlplane.embedded.files import FolderLock, private_folder, write_private
from controlplane.embedded.ports import free_port, port_is_free

HOME_VARIABLE = "DAGGERBOARD_HOME"
_CHECKOUT = Path(__file__).parents[2]


def locate_home(environment: Mapping[str, str]) -> Path:
    """DAGGERBOARD_HOME; else `.daggerboard` in the checkout; for an installed package, the user's own data folder."""
    if chosen := environment.get(HOME_VARIABLE):
        return Path(chosen).expanduser().absolute()
    if (_CHECKOUT / "pyproject.toml").is_file():
        return _CHECKOUT / ".daggerboard"
    return user_data_path("daggerboard")


class StateFolder:
    """Its layout, its secrets and its ports. Only one `up` may have it open."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.postgres = self.path / "postgres"
        self.redis = self.path / "redis"
        self.objects = self.path / "objects"
        self.agent = self.path / "agent"
        self.logs = self.path / "logs"
        self.processes = self.path / "processes"
        self._secrets = self.path / "secrets.json"
        self._ports = self.path / "ports.json"
        self._lock = FolderLock(self.path / "lock")

    def open(self) -> Self:
        """Make what is missing and hold the folder until close; raises an EmbeddedError when that cannot be."""
        try:
            self._make()
            free = self._lock.acquire()
        except OSError as error:
            raise self._explain(error) from error
        if not free:
            raise AlreadyRunningError(what="Daggerboard", folder=self.path, pid=self._lock.holder())
        return self

    def close(self) -> None:
        self._lock.release()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    def runner(self) -> int | None:
        """The pid of the `up` that has the folder open, if one does."""
        if not self.path.is_dir():
            return None
        probe = FolderLock(self.path / "lock")
        holder = probe.holder()
        if probe.acquire(sign=False):
            probe.release()
            return None
        return holder

    def secret(self, name: str, *, make: Callable[[], str] = lambda: secrets.token_urlsafe(48)) -> str:
        """Made at the first call and the same for ever after."""
        known = self._read(self._secrets)
        if name not in known:
            known[name] = make()
            self._write(self._secrets, known)
        return known[name]

    def port(self, name: str, *, fixed: int | None = None, usual: int | None = None) -> int:
        """The fixed port, or PortInUseError. Else last time's, else the usual one, else any: the first that is free."""
        if fixed:
            if not port_is_free(fixed):
                raise PortInUseError(service=name, port=fixed)
            return fixed
        known = self._read(self._ports)
        wishes = [int(known.get(name, 0)), usual or 0]
        port = next((wish for wish in wishes if wish and port_is_free(wish)), None) or free_port()
        self._write(self._ports, known | {name: str(port)})
        return port

    def _make(self) -> None:
        private_folder(self.path)
        for folder in (self.objects, self.agent, self.logs, self.processes):
            private_folder(folder)
        # Nobody else may list it. Passing through is allowed: a database that runs as nobody has to.
        if self.path.stat().st_mode & 0o066:
            self.path.chmod(0o700)

    def _read(self, path: Path) -> dict[str, str]:
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._explain(error) from error
        except (ValueError, TypeError) as error:
            raise BrokenDataError(
                what=f"{path} cannot be read",
                why=str(error),
                remedy="Restore it from a backup; without it, move the whole folder away to begin anew.",
            ) from error

    def _write(self, path: Path, content: dict[str, str]) -> None:
        try:
            write_private(path, json.dumps(content, indent=1))
        except OSError as error:
            raise self._explain(error) from error

    def _explain(self, error: OSError) -> Exception:
        return explain_os_error(error, service="Daggerboard", folder=self.path)
