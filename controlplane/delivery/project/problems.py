"""What is wrong with a project's files, told by file, key and line."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from tenants.errors import InvalidError

# More would not be read.
_MAX_SHOWN = 20


@dataclass(frozen=True)
class Problem:
    """One thing to correct. `path` is relative to the project's root; `key` is where in the file, such as `locations[0].image`."""

    message: str
    path: str = ""
    line: int | None = None
    key: str = ""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.path and self.line else self.path
        return ": ".join(part for part in (place, self.key, self.message) if part)


class ProjectError(InvalidError):
    """The project's files do not say what to deploy."""

    code = "project"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        shown = [str(problem) for problem in self.problems[:_MAX_SHOWN]]
        if len(self.problems) > _MAX_SHOWN:
            shown.append(f"… and {len(self.problems) - _MAX_SHOWN} more.")
        super().__init__("\n".join(shown))


def refuse(message: str, *, path: str = "", line: int | None = None, key: str = "") -> ProjectError:
    """An error of one problem."""
    return ProjectError([Problem(message, path=path, line=line, key=key)])


def unknown_key(key: str, known: Sequence[str]) -> str:
    """The sentence about a key that does not exist."""
    near = get_close_matches(key, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}."
    return f"There is no key {key}. {hint}"
