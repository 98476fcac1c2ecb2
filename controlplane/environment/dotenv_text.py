"""Files of variables as developers have them (`.env`): reading them line by line with every error named, and writing them."""

import io
from collections.abc import Iterable
from dataclasses import dataclass, field

from dotenv.parser import parse_stream

from controlplane.environment import names
from tenants.errors import InvalidError

MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class EnvLine:
    """One assignment, or one line that is none: `error` says why. The text of a bad line is not kept: it may hold a secret."""

    line: int
    name: str
    value: str = field(default="", repr=False)
    error: str = ""


def parse_env(text: str) -> list[EnvLine]:
    """Every assignment of a `.env` file in its order; references to other variables are taken as they stand."""
    if len(text) > MAX_BYTES:
        raise InvalidError(f"The file is larger than {MAX_BYTES // 1024 // 1024} MiB.", attr="text")
    found: list[EnvLine] = []
    first_seen: dict[str, int] = {}
    for binding in parse_stream(io.StringIO(text.lstrip("\ufeff"))):
        # A binding begins with the blank lines before it.
        blank = binding.original.string[: len(binding.original.string) - len(binding.original.string.lstrip())]
        line = binding.original.line + blank.count("\n")
        if binding.error:
            found.append(
                EnvLine(line, "", error="This is no assignment: write NAME=value, and quote what has spaces or lines.")
            )
        elif binding.key is not None:
            found.append(_checked(line, binding.key, binding.value, first_seen))
    return found


def _checked(line: int, name: str, value: str | None, first_seen: dict[str, int]) -> EnvLine:
    if value is None:
        return EnvLine(line, name, error="There is no = after the name.")
    try:
        names.check_name(name)
        names.check_value(value)
    except InvalidError as error:
        return EnvLine(line, name, error=error.message)
    if name in first_seen:
        return EnvLine(line, name, error=f"{name} is on line {first_seen[name]} already.")
    first_seen[name] = line
    return EnvLine(line, name, value)


def env_text(values: Iterable[tuple[str, str]]) -> str:
    """A `.env` file that `parse_env`, dotenv and a shell read alike where they can; one assignment a line."""
    return "".join(f"{name}={_quoted(value)}\n" for name, value in values)


def _quoted(value: str) -> str:
    if value and all(letter.isalnum() or letter in "_-./:@%+," for letter in value):
        return value
    if "'" not in value and "\\" not in value:
        return f"'{value}'"
    escaped = (
        value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    )
    return f'"{escaped}"'
