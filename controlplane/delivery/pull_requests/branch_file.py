"""`.daggerboard.yaml` at the root of a repository: what it says of its branch deployments, over the settings of the repository.

It cannot turn on what is off in the settings, and holds no secrets. SECURITY: nor does it choose the base, whose values for branches the
branch gets: who pushes to a repository may have no right to those of another base. Of a fork's pull request, the file of the base branch counts.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from controlplane.core.lined_yaml import Place
from controlplane.delivery.models import BranchMode, CommentMode, Repository
from controlplane.delivery.project.lined import Strict, read_yaml
from controlplane.delivery.project.problems import refuse

FILE_NAME = ".daggerboard.yaml"
_MAX_BYTES = 64 * 1024
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"([1-9][0-9]{0,6})\s*([smhd])")
_SHORTEST, _LONGEST = 60, 366 * 86_400
_NEVER = "never"
_KEYS = (
    "mode",
    "label",
    "exclude_labels",
    "project",
    "locations",
    "sleep_after",
    "expire_after",
    "comment",
    "on_create",
    "on_close",
)


class BranchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the branches of a pull request are to be: the repository's settings with the file's over them. Seconds; None for never."""

    mode: str
    label: str
    exclude_labels: list[str]
    comment: str
    sleep_after: int | None
    expire_after: int | None
    # Folder of the project below the root; names of the code locations to deploy, empty for all.
    project: str = "."
    locations: list[str] = []
    on_create: dict[str, str] | None = None
    on_close: dict[str, str] | None = None

    def document(self) -> dict[str, Any]:
        """The stored form."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


def settings_of(repository: Repository, said: Mapping[str, Any] | None = None) -> BranchSettings:
    """What counts for a repository's pull requests; `said` is what its file says (`read`)."""
    own = BranchSettings(
        mode=repository.mode,
        label=repository.label,
        exclude_labels=list(repository.exclude_labels),
        comment=repository.comment_mode,
        sleep_after=repository.sleep_after_seconds,
        expire_after=repository.expire_after_seconds,
    )
    return msgspec.convert({**own.document(), **(said or {})}, BranchSettings)


def read_file(folder: Path) -> dict[str, Any]:
    """What the file in a repository's folder says; empty without one. ProjectError says what is wrong, by line."""
    path = folder / FILE_NAME
    if path.is_symlink() or not path.is_file():
        return {}
    if path.stat().st_size > _MAX_BYTES:
        raise refuse(f"The file is larger than {_MAX_BYTES // 1024} KiB.", path=FILE_NAME)
    try:
        return read(path.read_bytes().decode())
    except UnicodeDecodeError as error:
        raise refuse("The file is not UTF-8.", path=FILE_NAME) from error


def read(text: str) -> dict[str, Any]:
    """What the file says, by the names of BranchSettings; ProjectError names each line that is wrong."""
    strict = Strict(read_yaml(text, FILE_NAME))
    found = strict.mapping(strict.source.value, (), _KEYS)
    said: dict[str, Any] = {
        "mode": _choice(strict, found, "mode", BranchMode.values),
        "label": strict.text(found.get("label"), ("label",)),
        "project": strict.text(found.get("project"), ("project",)),
        "comment": _choice(strict, found, "comment", CommentMode.values),
        "exclude_labels": _texts(strict, found, "exclude_labels"),
        "locations": _texts(strict, found, "locations"),
        "on_create": _job(strict, found, "on_create"),
        "on_close": _job(strict, found, "on_close"),
    }
    said = {name: value for name, value in said.items() if value is not None}
    for name in ("sleep_after", "expire_after"):
        if name in found:
            said[name] = _duration(strict, found[name], (name,))
    strict.done()
    return said


def _choice(strict: Strict, found: Mapping[str, Any], name: str, known: list[str]) -> str | None:
    value = found.get(name)
    # YAML reads a bare `off` as false.
    text = "off" if value is False else strict.text(value, (name,))
    if text is not None and text not in known:
        strict.wrong(f"{text} is none of {', '.join(known)}.", (name,))
        return None
    return text


def _texts(strict: Strict, found: Mapping[str, Any], name: str) -> list[str] | None:
    if name not in found:
        return None
    items = strict.sequence(found[name], (name,))
    return [text for at, item in enumerate(items) if (text := strict.text(item, (name, at)))]


def _job(strict: Strict, found: Mapping[str, Any], name: str) -> dict[str, str] | None:
    if found.get(name) is None:
        return None
    whole = strict.mapping(found[name], (name,), ("location", "job"))
    job = {key: strict.text(whole.get(key), (name, key)) for key in ("location", "job")}
    for key, value in job.items():
        if not value:
            strict.wrong(f"{name} needs the {key}: write `{name}: {{location: …, job: …}}`.", (name,))
    return {key: value or "" for key, value in job.items()}


def _duration(strict: Strict, value: Any, place: Place) -> int | None:
    if value == _NEVER:
        return None
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not _SHORTEST <= seconds <= _LONGEST:
        strict.wrong("Write how long: 30m, 2h, 7d (from one minute to a year), or never.", place)
        return None
    return seconds
