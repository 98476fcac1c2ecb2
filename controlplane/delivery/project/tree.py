"""A project's folder as it is read: only files that lie inside it, of a size that a person would write."""

from pathlib import Path, PurePosixPath

from controlplane.delivery.project.problems import refuse

_MAX_BYTES = 1024 * 1024


class Tree:
    """A folder. Paths are relative to it, with slashes. SECURITY: no link leads a read out of it."""

    def __init__(self, folder: Path, *, name: str = "") -> None:
        self.folder = folder.resolve()
        self.name = name or self.folder.name

    def read(self, path: str) -> str | None:
        """A file's text, or None when there is none; ProjectError when it cannot be read."""
        found = (self.folder / path).resolve()
        if not found.is_relative_to(self.folder):
            raise refuse("This is a link to somewhere outside the project.", path=path)
        if not found.is_file():
            return None
        if found.stat().st_size > _MAX_BYTES:
            raise refuse(f"The file is larger than {_MAX_BYTES // 1024} KiB.", path=path)
        try:
            return found.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise refuse(f"The file cannot be read: {error}", path=path) from error

    def is_folder(self, path: str) -> bool:
        """Whether a folder of this name lies inside."""
        found = (self.folder / path).resolve()
        return found.is_relative_to(self.folder) and found.is_dir()


def join(folder: str, name: str) -> str:
    """A path below a folder, where `.` is the root."""
    return str(PurePosixPath(folder) / name)
