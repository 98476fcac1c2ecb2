"""Run config against the config types of the manifest: what is wrong, and exactly where. Pure.

The user's own dagster has the last word when the run starts; this finds the mistakes that can be found from the types alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.definitions.manifest import ConfigField, ConfigType

# A hostile config could make more errors than anybody reads.
ERRORS_MAX = 50
_DEPTH_MAX = 64

_SCALARS: dict[str, tuple[tuple[type, ...], str]] = {
    "INT": ((int,), "a whole number"),
    "FLOAT": ((int, float), "a number"),
    "STRING": ((str,), "a text"),
    "BOOL": ((bool,), "true or false"),
}


@dataclass(frozen=True)
class ConfigError:
    """One mistake. `path` leads to it; `reason` is FIELD_NOT_DEFINED, MISSING_REQUIRED_FIELD, RUNTIME_TYPE_MISMATCH or SELECTOR_FIELD_ERROR."""

    path: tuple[str, ...]
    reason: str
    message: str

    @property
    def text(self) -> str:
        where = ".".join(self.path)
        return f"{where}: {self.message}" if where else self.message


def check_config(
    types: Mapping[str, ConfigType], root: str | None, config: Any, *, partial: bool = False
) -> list[ConfigError]:
    """All mistakes, at most ERRORS_MAX. With `partial`, when only a part of the job runs, nothing is missing for certain."""
    if root is None or root not in types:
        return []
    check = _Check(types, partial)
    check.value(root, config, ())
    return check.errors[:ERRORS_MAX]


class _Check:
    """One walk over types and config together."""

    def __init__(self, types: Mapping[str, ConfigType], partial: bool) -> None:
        self.types = types
        self.partial = partial
        self.errors: list[ConfigError] = []

    def fail(self, path: tuple[str, ...], reason: str, message: str) -> None:
        self.errors.append(ConfigError(path, reason, message))

    def value(self, type_id: str, value: Any, path: tuple[str, ...]) -> None:
        if len(self.errors) >= ERRORS_MAX:
            return
        if len(path) > _DEPTH_MAX:
            self.fail(path, "RUNTIME_TYPE_MISMATCH", f"This is nested more than {_DEPTH_MAX} levels deep.")
            return
        of_type = self.types.get(type_id)
        if of_type is not None:
            getattr(self, f"_{of_type.kind.lower()}", self._any)(of_type, value, path)

    def _any(self, of_type: ConfigType, value: Any, path: tuple[str, ...]) -> None:
        """Everything is right."""

    def _scalar(self, of_type: ConfigType, value: Any, path: tuple[str, ...]) -> None:
        kind = (of_type.scalar or of_type.given_name or "").upper()
        wants = _SCALARS.get(kind)
        if wants is None:
            return
        accepted, words = wants
        # In Python a bool is an int; in config it is not.
        if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
            self.mismatch(path, words, value)

    def _enum(self, of_type: ConfigType, value: Any, path: tuple[str, ...]) -> None:
        allowed = of_type.enum or []
        if value not in allowed:
            self.mismatch(path, "one of " + ", ".join(allowed), value)

    def _noneable(self, of_type: ConfigType, value: Any, path: tuple[str, ...]) -> None:
        if value is not None:
            self._inner(of_type, -1, value, path)

    def _array(self, of_type: ConfigType, value: Any, path: tuple[str, ...]) -> None:
        if not isinstance(value, list):
            self.mismatch(path, "a list", value)
            return
        for index, item in enumerate(value):
            self._inner(of_type, -1, item, (*path, str(index)))

    def _map(self, of_type: ConfigType, value: Any, path: tuple[str, ...]) -> None:
        if not isinstance(value, dict):
            self.mismatch(path, "a table", value)
            return
        for name, item in value.items():
            self._inner(of_type, -1, item, (*path, str(name)))

    def _scalar_union(self, of_type: ConfigType, value: Any, path: tuple[str, ...]) -> None:
        """A scalar, or a table that says where to get one: `{"env": "NAME"}`."""
        self._inner(of_type, 1 if isinstance(value, (dict, list)) else 0, value, path)

    def _inner(self, of_type: ConfigType, index: int, value: Any, path: tuple[str, ...]) -> None:
        params = of_type.type_params or []
        if params:
            self.value(params[index if index < len(params) else -1], value, path)

    def _strict_shape(self, of_type: ConfigType, value: Any, path: tuple[str, ...]) -> None:
        if self._fields(of_type, value, path):
            known = {field.name for field in of_type.fields or []}
            for name in value:
                if name not in known:
                    self.undefined(path, str(name), sorted(known))

    def _permissive_shape(self, of_type: ConfigType, value: Any, path: tuple[str, ...]) -> None:
        self._fields(of_type, value, path)

    def _fields(self, of_type: ConfigType, value: Any, path: tuple[str, ...]) -> bool:
        """Check the known fields of a shape; False when the value is no table."""
        if value is None and not any(field.required for field in of_type.fields or []):
            return False
        if not isinstance(value, dict):
            self.mismatch(path, "a table", value)
            return False
        for field in of_type.fields or []:
            if field.name in value:
                self.value(field.type, value[field.name], (*path, field.name))
            elif field.required and not self.partial:
                self.missing(field, path)
        return True

    def missing(self, field: ConfigField, path: tuple[str, ...]) -> None:
        about = f" ({field.description})" if field.description else ""
        self.fail((*path, field.name), "MISSING_REQUIRED_FIELD", f"This is required{about} and was not given.")

    def undefined(self, path: tuple[str, ...], name: str, known: list[str]) -> None:
        there = f"there are: {', '.join(known[:20])}" if known else "nothing is expected here"
        self.fail((*path, name), "FIELD_NOT_DEFINED", f"There is no such field; {there}.")

    def _selector(self, of_type: ConfigType, value: Any, path: tuple[str, ...]) -> None:
        fields = {field.name: field for field in of_type.fields or []}
        if value is None and any(not field.required for field in fields.values()):
            return
        if isinstance(value, str) and value in fields:
            value = {value: {}}
        if not isinstance(value, dict) or len(value) > 1 or (not value and len(fields) > 1):
            words = "exactly one of " + ", ".join(sorted(fields))
            self.fail(path, "SELECTOR_FIELD_ERROR", f"This takes {words}.")
            return
        for name, item in value.items():
            if name in fields:
                self.value(fields[name].type, item, (*path, str(name)))
            else:
                self.undefined(path, str(name), sorted(fields))

    def mismatch(self, path: tuple[str, ...], words: str, value: Any) -> None:
        self.fail(path, "RUNTIME_TYPE_MISMATCH", f"This must be {words}, not {_shown(value)}.")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
