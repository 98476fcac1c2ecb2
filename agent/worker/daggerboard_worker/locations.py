"""Which code a location names, found in the same places and order as dagster's own command line finds it."""

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from daggerboard_worker.errors import LocationError

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10; every dagster we support depends on tomli
    import tomli as tomllib  # type: ignore[no-redef,unused-ignore]

TARGET_FIELDS = ("module_name", "package_name", "python_file", "autoload_defs_module_name")


@dataclass(frozen=True)
class Location:
    name: str
    working_directory: str
    module_name: str | None = None
    package_name: str | None = None
    python_file: str | None = None
    autoload_defs_module_name: str | None = None
    attribute: str | None = None

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Location":
        known = {name: fields.get(name) for name in (*TARGET_FIELDS, "attribute")}
        directory = fields.get("working_directory") or str(Path.cwd())
        return cls(name=fields.get("name") or Path(directory).name, working_directory=directory, **known)

    @property
    def targets(self) -> dict[str, str]:
        return {name: value for name in TARGET_FIELDS if (value := getattr(self, name))}


@dataclass(frozen=True)
class Target:
    """What to import: exactly one of `TARGET_FIELDS`, and where its code may lie besides the working directory."""

    kind: str
    value: str
    attribute: str | None = None


def find_target(location: Location) -> Target:
    targets = location.targets
    if len(targets) > 1:
        raise LocationError(
            f"The code location {location.name!r} names {' and '.join(sorted(targets))}. Keep one of them."
        )
    if targets:
        ((kind, value),) = targets.items()
        return Target(kind, value, location.attribute)
    return find_project_target(Path(location.working_directory))


def find_project_target(directory: Path) -> Target:
    path = directory / "pyproject.toml"
    if not path.is_file():
        raise LocationError(
            f"The code location names no module, package or file, and there is no pyproject.toml in {directory}. "
            "Name one of module_name, package_name, python_file or autoload_defs_module_name."
        )
    with path.open("rb") as file:
        tool = tomllib.load(file).get("tool", {})
    target = dagster_target(tool.get("dagster", {})) or dg_project_target(tool.get("dg", {}).get("project", {}))
    if target is None:
        raise LocationError(
            f"{path} has neither [tool.dagster] with module_name nor [tool.dg.project], "
            "so it does not say which code to load. Add one of them, or name a module in the code location."
        )
    return target


def dagster_target(block: dict[str, Any]) -> Target | None:
    modules = block.get("modules") or []
    if "module_name" in block and modules:
        raise LocationError("[tool.dagster] has both module_name and modules. Keep one of them.")
    if "module_name" in block:
        return Target("module_name", block["module_name"])
    names = [module["name"] for module in modules if module.get("type") == "module"]
    if len(names) > 1:
        raise LocationError(
            f"[tool.dagster] lists {len(names)} modules: {', '.join(names)}. Dagster makes one code location of each: "
            "add one code location per module, with its module_name."
        )
    return Target("module_name", names[0]) if names else None


def dg_project_target(block: dict[str, Any]) -> Target | None:
    if not block:
        return None
    root = block["root_module"]
    make_importable(root)
    if block.get("autoload_defs"):
        return Target("autoload_defs_module_name", block.get("defs_module") or f"{root}.defs")
    return Target("module_name", block.get("code_location_target_module") or f"{root}.definitions")


def make_importable(root_module: str) -> None:
    """A `dg` project keeps its package under `src/` and is usually installed; where it is not, add that folder."""
    source = Path.cwd() / "src"
    if find_spec(root_module.partition(".")[0]) is None and source.is_dir():
        sys.path.insert(1, str(source))
