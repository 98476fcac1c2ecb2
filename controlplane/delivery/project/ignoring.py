"""Which files of a folder are packed: those that .gitignore files leave, whatever of Git itself and of virtualenvs lies there."""

import os
from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec

from controlplane.delivery.project.problems import refuse

GITIGNORE = ".gitignore"
# Never part of a project's source, whether or not anybody ignores them. The last holds the state of `daggerboard ci`.
NEVER = frozenset({".git", ".venv", "__pycache__", "node_modules", ".daggerboard-ci"})
# A virtualenv under any other name.
_VIRTUALENV_MARK = "pyvenv.cfg"
_MAX_IGNORE_BYTES = 256 * 1024

# .gitignore files from the root down: the folder's path below the root, and its patterns.
_Specs = tuple[tuple[str, GitIgnoreSpec], ...]


def packed_files(root: Path, directory: str) -> Iterator[str]:
    """Paths below `directory` (itself below `root`), in the same order everywhere: files and links, no folders.

    .gitignore files count from the root down, the deepest one that says something decides, as in Git. What lies in an ignored folder
    cannot be brought back, as in Git too. What a person's own Git settings ignore is not asked: it differs between machines.
    """
    specs: _Specs = ()
    at = ""
    for part in ("", *(part for part in directory.split("/") if part != ".")):
        at = f"{at}{part}/" if part else at
        specs = _with_own(root, at, specs)
    base = f"{directory}/" if directory != "." else ""
    for path in _walk(root, base, specs):
        yield path.removeprefix(base)


def _walk(root: Path, folder: str, specs: _Specs) -> Iterator[str]:
    # By bytes: an order that no locale changes.
    for entry in sorted(os.scandir(root / folder), key=lambda entry: os.fsencode(entry.name)):
        path = f"{folder}{entry.name}"
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name in NEVER or _ignored(f"{path}/" if is_folder else path, specs):
            continue
        if not is_folder:
            if entry.is_symlink() or entry.is_file():
                yield path
        elif not (root / path / _VIRTUALENV_MARK).exists():
            yield from _walk(root, f"{path}/", _with_own(root, f"{path}/", specs))


def _ignored(path: str, specs: _Specs) -> bool:
    for folder, spec in reversed(specs):
        said = spec.check_file(path.removeprefix(folder)).include
        if said is not None:
            return said
    return False


def _with_own(root: Path, folder: str, specs: _Specs) -> _Specs:
    file = root / folder / GITIGNORE
    # Git does not follow a link here either.
    if file.is_symlink() or not file.is_file():
        return specs
    if file.stat().st_size > _MAX_IGNORE_BYTES:
        raise refuse("The file is too large for a .gitignore.", path=f"{folder}{GITIGNORE}")
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return (*specs, (folder, GitIgnoreSpec.from_lines(lines)))
