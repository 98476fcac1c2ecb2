"""What a project says it needs: which file says so, what of it tells two virtualenvs apart, and which folders hold code of its own."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from agent.executors import CodeNotLoadedError

UV_LOCK, PYLOCK, REQUIREMENTS, PYPROJECT, UV_SETTINGS = (
    "uv.lock",
    "pylock.toml",
    "requirements.txt",
    "pyproject.toml",
    "uv.toml",
)
_IN_ORDER = (UV_LOCK, PYLOCK, REQUIREMENTS)
# Lines that name another file or folder of the project: `-r base.txt`, `-c limits.txt`, `-e .`, `./lib`, `file:lib`.
_LOCAL = re.compile(
    rb"^\s*(-r|-c|-e|--requirement|--constraint|--editable|\.|/|\S+\s*@\s*file:|file:)|(path|directory)\s*=",
    re.MULTILINE,
)
# How lock files name packages that are folders of the project.
_LOCAL_SOURCES = ("editable", "virtual", "directory")


@dataclass(frozen=True)
class Requirements:
    """The file that counts for a project in `folder`; `root` is the unpacked archive."""

    file: Path
    folder: Path
    root: Path

    def key(self, *, python: str, source: str, isolated: bool) -> str:
        """Answer a name for virtualenvs that may be shared: it changes with everything that what is installed depends on."""
        digest = hashlib.sha256(f"{python}\0{self.file.name}\0{isolated}\0".encode())
        names = [self.file, self.file.with_name(PYPROJECT), self.folder / PYPROJECT]
        names += [
            folder / UV_SETTINGS for folder in (self.folder, *self.folder.parents) if folder.is_relative_to(self.root)
        ]
        for path in names:
            content = path.read_bytes() if path.is_file() else b""
            digest.update(f"{len(content)}\0".encode() + content)
        if self.names_files:
            # These may differ in each archive.
            digest.update(source.encode())
        return digest.hexdigest()

    @property
    def names_files(self) -> bool:
        """Whether other files or folders of the project are installed, or read for it."""
        return self.file.name != UV_LOCK and _LOCAL.search(self.file.read_bytes()) is not None

    @property
    def import_paths(self) -> list[Path]:
        """Folders to import the project's own packages from: uv.lock's are not installed, for that would bind a virtualenv to an archive."""
        if self.file.name != UV_LOCK:
            return []
        try:
            packages = tomllib.loads(self.file.read_text()).get("package", [])
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise CodeNotLoadedError(f"{self.file.name} of the project cannot be read: {error}") from error
        sources = [package.get("source", {}) for package in packages]
        named = [str(source[kind]) for source in sources for kind in _LOCAL_SOURCES if kind in source]
        folders = [(self.file.parent / name).resolve() for name in named]
        return [
            path for folder in folders if folder.is_relative_to(self.root.resolve()) for path in code_folders(folder)
        ]


def find_requirements(folder: Path, root: Path) -> Requirements | None:
    """Look in the project's folder, then in those above it, up to the root of the archive. None: it says nothing."""
    for place in (folder, *folder.parents):
        if not place.is_relative_to(root):
            return None
        for name in _IN_ORDER:
            is_whole = name != UV_LOCK or (place / PYPROJECT).is_file()
            if is_whole and (place / name).is_file():
                return Requirements(place / name, folder, root)
    return None


def code_folders(folder: Path) -> list[Path]:
    """Answer where packages of a project lie: in its folder `src`, as is usual, and in the project itself."""
    return [path for path in (folder / "src", folder) if path.is_dir()]
