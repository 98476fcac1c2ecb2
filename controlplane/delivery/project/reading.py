"""What a project's files say is to be deployed: read_project."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controlplane.delivery.project.cloud_yaml import FILE_NAME, read_cloud_yaml
from controlplane.delivery.project.document import LocationDocument, inner_path
from controlplane.delivery.project.problems import Problem, ProjectError, refuse
from controlplane.delivery.project.pyproject import read_pyproject
from controlplane.delivery.project.tree import Tree, join


@dataclass(frozen=True)
class Project:
    """The code locations of a project, and the file that names them. `root` is what build directories are relative to."""

    root: Path
    file: str
    locations: tuple[LocationDocument, ...]

    def location(self, name: str) -> LocationDocument:
        """One of them by name; ProjectError when there is none."""
        for document in self.locations:
            if document.name == name:
                return document
        raise refuse(f"There is no code location {name}; there are {', '.join(self.names)}.", path=self.file)

    @property
    def names(self) -> list[str]:
        """The names, in the file's order."""
        return [document.name for document in self.locations]


def read_project(
    root: Path,
    *,
    folder: str = ".",
    file: str | None = None,
    name: str = "",
    values: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Project:
    """The project in a folder below `root`, which may be a repository's: dagster_cloud.yaml, or else pyproject.toml or dg.toml.

    `file` names the dagster_cloud.yaml where it is called otherwise; `name` is the project's where the folder is called by chance;
    `values` and `environment` are what templates see. ProjectError when nothing is there, or something is wrong.
    """
    tree = Tree(root, name=name)
    inside = inner_path(".", folder)
    if inside is None or not tree.is_folder(inside):
        raise refuse(f"There is no folder {folder} in the project.")
    path = join(inside, file or FILE_NAME)
    text = tree.read(path)
    if text is None and file:
        raise refuse("There is no such file.", path=path)
    if text is not None:
        within = path.rpartition("/")[0] or "."
        found = read_cloud_yaml(text, path, folder=within, values=values or {}, environment=environment or {})
        return _checked(tree, Project(tree.folder, path, tuple(found)))
    documents = read_pyproject(tree, inside)
    if documents is None:
        raise refuse(
            f"There is no Dagster project in {inside}: it has neither {FILE_NAME}, nor [tool.dagster] or [tool.dg.project] in its "
            "pyproject.toml. Add one of them, or name the project's folder."
        )
    return _checked(tree, Project(tree.folder, join(inside, "pyproject.toml"), tuple(documents)))


def _checked(tree: Tree, project: Project) -> Project:
    missing = [
        Problem(f"The build directory {document.build.directory} of {document.name} is not there.", path=project.file)
        for document in project.locations
        if not tree.is_folder(document.build.directory)
    ]
    if missing:
        raise ProjectError(missing)
    return project
