"""Load a code location exactly as dagster's own code server does, into one repository."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daggerboard_worker.errors import LocationError
from daggerboard_worker.locations import Location, Target, find_target
from daggerboard_worker.requirements import require_dagster


@dataclass(frozen=True)
class LoadedLocation:
    location: Location
    # dagster's RepositoryDefinition, and the recipe by which another process can load it again
    repository: Any
    reconstructable: Any


def load_location(location: Location) -> LoadedLocation:
    """Raises whatever the user's code raises."""
    require_dagster()
    require_directory(location)
    from daggerboard_worker import linear_toposort
    from daggerboard_worker.compat import loadable_targets, start_load_context

    linear_toposort.install()
    target = find_target(location)
    start_load_context(location.name)
    arguments = dict.fromkeys(("python_file", "module_name", "package_name", "autoload_defs_module_name"))
    arguments[target.kind] = target.value
    found = loadable_targets(**arguments, working_directory=location.working_directory, attribute=target.attribute)
    if len(found) > 1:
        names = ", ".join(sorted(item.attribute for item in found))
        raise LocationError(
            f"{target.value} defines {len(found)} repositories: {names}. "
            "Make one code location for each, and name its repository with `attribute`."
        )
    return reconstruct(location, target, found[0].attribute)


def require_directory(location: Location) -> None:
    if not Path(location.working_directory).is_dir():
        raise LocationError(
            f"The working directory {location.working_directory} of the code location {location.name!r} does not exist "
            "on this machine. Correct it in the code location, or put the code there."
        )


def reconstruct(location: Location, target: Target, attribute: str) -> LoadedLocation:
    from dagster._core.definitions.reconstruct import ReconstructableRepository

    reconstructable = ReconstructableRepository(
        code_pointer(target, attribute, location.working_directory), executable_path=sys.executable
    )
    repository = reconstructable.get_definition()
    repository.load_all_definitions()
    return LoadedLocation(location, repository, reconstructable)


def code_pointer(target: Target, attribute: str, working_directory: str) -> Any:
    from dagster._core.code_pointer import AutoloadDefsModuleCodePointer, CodePointer

    if target.kind == "python_file":
        return CodePointer.from_python_file(target.value, attribute, working_directory)
    if target.kind == "package_name":
        return CodePointer.from_python_package(target.value, attribute, working_directory)
    if target.kind == "module_name":
        return CodePointer.from_module(target.value, attribute, working_directory)
    return AutoloadDefsModuleCodePointer(module=target.value, working_directory=working_directory)
