"""pyproject.toml and dg.toml: `[tool.dagster]`, and projects and workspaces of `dg`, with build.yaml and container_context.yaml beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from controlplane.core.lined_yaml import Place
from controlplane.delivery.project.container_context import check_container_context
from controlplane.delivery.project.document import Build, LocationDocument, inner_path, read_build
from controlplane.delivery.project.lined import Lined, Strict, read_toml, read_yaml
from controlplane.delivery.project.merging import merge
from controlplane.delivery.project.problems import refuse
from controlplane.delivery.project.tree import Tree, join

PYPROJECT, DG_TOML = "pyproject.toml", "dg.toml"
BUILD_YAML, CONTEXT_YAML = "build.yaml", "container_context.yaml"
_PROJECT_KEYS = (
    "root_module",
    "defs_module",
    "code_location_target_module",
    "code_location_name",
    "registry_modules",
    "agent_queue",
    "image",
    "autoload_defs",
    "python_environment",
)


@dataclass(frozen=True)
class Platform:
    """What build.yaml and container_context.yaml of a folder say. `directory` None: they name none."""

    directory: str | None = None
    registry: str | None = None
    container_context: Mapping[str, Any] | None = None

    def over(self, below: "Platform") -> "Platform":
        """With a workspace's values where this one says nothing."""
        return Platform(
            directory=self.directory or below.directory,
            registry=self.registry or below.registry,
            container_context=merge(dict(below.container_context or {}), dict(self.container_context or {})),
        )


def read_pyproject(tree: Tree, folder: str) -> list[LocationDocument] | None:
    """The locations that a folder's TOML files name, or None when they say nothing of Dagster."""
    platform = _platform(tree, folder)
    dg = _dg_block(tree, folder)
    if dg is not None and "workspace" in dg[1]:
        return _workspace(tree, folder, dg, platform)
    own = _dagster_block(tree, folder) or _project(tree, folder, dg)
    return [_on_platform(document, platform, folder) for document in own] if own else None


def _platform(tree: Tree, folder: str) -> Platform:
    build_path, context_path = join(folder, BUILD_YAML), join(folder, CONTEXT_YAML)
    platform = Platform()
    if (text := tree.read(build_path)) is not None:
        strict = Strict(read_yaml(text, build_path))
        named = isinstance(strict.source.value, dict) and strict.source.value.get("directory")
        build = read_build(strict, strict.source.value, (), folder=folder)
        strict.done()
        platform = Platform(directory=build.directory if named else None, registry=build.registry)
    if (text := tree.read(context_path)) is not None:
        strict = Strict(read_yaml(text, context_path))
        context = check_container_context(strict, strict.source.value, ())
        strict.done()
        platform = replace(platform, container_context=context)
    return platform


def _on_platform(document: LocationDocument, platform: Platform, folder: str) -> LocationDocument:
    directory = platform.directory or folder
    return replace(
        document,
        build=Build(directory=directory, registry=platform.registry),
        container_context=platform.container_context or {},
        # Packed from elsewhere, the archive's own pyproject.toml is another one.
        named_by_pyproject=document.named_by_pyproject and directory == folder,
    )


def _toml(tree: Tree, path: str) -> Lined | None:
    text = tree.read(path)
    return None if text is None else read_toml(text, path)


def _dg_block(tree: Tree, folder: str) -> tuple[Lined, dict[str, Any], Place] | None:
    """The block of dg, from dg.toml or pyproject.toml, and where it stands in that file."""
    if (own := _toml(tree, join(folder, DG_TOML))) is not None:
        return own, own.value, ()
    shared = _toml(tree, join(folder, PYPROJECT))
    block = _tool(shared, "dg")
    return (shared, block, ("tool", "dg")) if shared is not None and block else None


def _tool(file: Lined | None, name: str) -> dict[str, Any]:
    tool = file.value.get("tool") if file else None
    block = tool.get(name) if isinstance(tool, dict) else None
    return block if isinstance(block, dict) else {}


def _dagster_block(tree: Tree, folder: str) -> list[LocationDocument]:
    """`[tool.dagster]` as dagster reads it: a module, or a list of them; without a name a location is called as its module."""
    file = _toml(tree, join(folder, PYPROJECT))
    block = _tool(file, "dagster")
    if file is None or not ("module_name" in block or "modules" in block):
        return []
    strict, place = Strict(file), ("tool", "dagster")
    name = strict.text(block.get("code_location_name"), (*place, "code_location_name"))
    modules = strict.sequence(block.get("modules"), (*place, "modules"))
    if "module_name" in block and modules:
        strict.wrong("It has both module_name and modules. Keep one of them.", (*place, "modules"))
    names = [block["module_name"]] if "module_name" in block else _modules(strict, modules, (*place, "modules"))
    checked = [found for module in names if (found := strict.text(module, place))]
    if not checked:
        strict.wrong("It names no module of the type module.", place)
    if name and len(checked) > 1:
        strict.wrong("One name cannot stand for several modules. Leave it out.", (*place, "code_location_name"))
    strict.done()
    alone = len(checked) == 1
    return [LocationDocument(name=name or module, module_name=module, named_by_pyproject=alone) for module in checked]


def _modules(strict: Strict, modules: list[Any], place: Place) -> list[Any]:
    found = []
    for index, item in enumerate(modules):
        module = strict.mapping(item, (*place, index), ("type", "name"))
        if not module.get("type") or not module.get("name"):
            strict.wrong("A module has a type and a name.", (*place, index))
        elif module["type"] == "module":
            found.append(module["name"])
    return found


def _project(tree: Tree, folder: str, dg: tuple[Lined, dict[str, Any], Place] | None) -> list[LocationDocument]:
    """`[tool.dg.project]`: its definitions module, or, with autoload_defs, what lies below its defs module."""
    if dg is None or "project" not in dg[1]:
        return []
    file, block, before = dg
    strict, place = Strict(file), (*before, "project")
    project = strict.mapping(block["project"], place, _PROJECT_KEYS)
    keys = ("root_module", "defs_module", "code_location_target_module", "code_location_name", "agent_queue", "image")
    said = {key: strict.text(project.get(key), (*place, key)) for key in keys}
    root = said["root_module"]
    if "root_module" not in project:
        strict.wrong("A dg project needs its root_module.", place)
    strict.done()
    autoload = bool(project.get("autoload_defs"))
    return [
        LocationDocument(
            name=said["code_location_name"] or PurePosixPath(folder).name or tree.name,
            autoload_defs_module_name=(said["defs_module"] or f"{root}.defs") if autoload else None,
            module_name=None if autoload else said["code_location_target_module"] or f"{root}.definitions",
            image=said["image"],
            agent_queue=said["agent_queue"],
            # Code workers read pyproject.toml as dagster does; dg.toml they leave alone.
            named_by_pyproject=file.path.endswith(PYPROJECT),
        )
    ]


def _workspace(
    tree: Tree, folder: str, dg: tuple[Lined, dict[str, Any], Place], platform: Platform
) -> list[LocationDocument]:
    file, content, before = dg
    strict, block, place = Strict(file), content["workspace"], (*before, "workspace")
    projects = strict.sequence(strict.free_mapping(block, place).get("projects"), (*place, "projects"))
    found: list[LocationDocument] = []
    for index, item in enumerate(projects):
        at = (*place, "projects", index)
        path = strict.text(strict.free_mapping(item, at).get("path"), (*at, "path"))
        inside = inner_path(folder, path) if path else None
        if inside is None or not tree.is_folder(inside):
            strict.wrong(f"There is no folder {path} in the workspace.", (*at, "path"))
            continue
        found += _workspace_project(tree, inside, platform)
    if not projects:
        strict.wrong("The workspace lists no projects.", place)
    names = [document.name for document in found]
    for name in sorted({name for name in names if names.count(name) > 1}):
        strict.wrong(f"Two projects make a code location called {name}.", (*place, "projects"))
    strict.done()
    return found


def _workspace_project(tree: Tree, folder: str, workspace: Platform) -> list[LocationDocument]:
    own = _dagster_block(tree, folder) or _project(tree, folder, _dg_block(tree, folder))
    if not own:
        path = join(folder, PYPROJECT)
        raise refuse("The workspace lists this folder as a project, but no [tool.dg.project] is there.", path=path)
    platform = _platform(tree, folder).over(workspace)
    return [_on_platform(document, platform, folder) for document in own]
