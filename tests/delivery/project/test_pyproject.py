"""pyproject.toml and dg.toml: `[tool.dagster]`, projects and workspaces of dg."""

import pytest

from controlplane.delivery.project.problems import ProjectError
from controlplane.delivery.project.reading import read_project
from tests.delivery.project.trees import write_tree
from tests.installation import PROJECTS

WORKER_PROJECTS = PROJECTS.parent / "worker" / "projects"


def read(root, files, **options):
    return [document.as_json() for document in read_project(write_tree(root, files), **options).locations]


def refusal(root, files):
    with pytest.raises(ProjectError) as refused:
        read_project(write_tree(root, files))
    return [str(problem) for problem in refused.value.problems]


def test_dagster_block(tmp_path):
    block = '[tool.dagster]\nmodule_name = "shop.defs"\n'

    assert read(tmp_path, {"pyproject.toml": block}) == [
        {"location_name": "shop.defs", "code_source": {"module_name": "shop.defs"}}
    ]
    assert read(tmp_path, {"pyproject.toml": block + 'code_location_name = "shop"\n'}) == [
        {"location_name": "shop", "code_source": {"module_name": "shop.defs"}}
    ]


def test_list_of_modules_is_a_location_each():
    project = read_project(WORKER_PROJECTS / "many")

    assert [(found.name, found.module_name, found.named_by_pyproject) for found in project.locations] == [
        ("one", "one", False),
        ("two", "two", False),
    ]


def test_dg_projects_name_what_code_workers_load():
    plain = read_project(WORKER_PROJECTS / "dg_project").locations[0]
    autoload = read_project(WORKER_PROJECTS / "dg_autoload").locations[0]

    assert (plain.name, plain.code_source) == ("dgp", {"module_name": "dgp.definitions"})
    assert (autoload.name, autoload.code_source) == ("dg_autoload", {"autoload_defs_module_name": "dga.defs"})
    # A source archive brings its pyproject.toml, which says so by itself; an image is told.
    assert plain.target(of_source=True).module_name is None
    assert plain.target(of_source=False).module_name == "dgp.definitions"


def test_dg_project_with_platform_files(tmp_path):
    files = {
        "pyproject.toml": """\
            [tool.dg]
            directory_type = "project"

            [tool.dg.project]
            root_module = "shop"
            code_location_target_module = "shop.all"
            registry_modules = ["shop.components.*"]
            agent_queue = "gpu"
            image = "shop:1"
            """,
        "build.yaml": "registry: example.com/shop\ndirectory: docker\n",
        "docker/Dockerfile": "",
        "container_context.yaml": "k8s: {namespace: shop}\n",
    }

    assert read(tmp_path, files, name="shop-of-repository") == [
        {
            "location_name": "shop-of-repository",
            "code_source": {"module_name": "shop.all"},
            "build": {"directory": "docker", "registry": "example.com/shop"},
            "image": "shop:1",
            "agent_queue": "gpu",
            "container_context": {"k8s": {"namespace": "shop"}},
        }
    ]


WORKSPACE = {
    "dg.toml": 'directory_type = "workspace"\n[[workspace.projects]]\npath = "projects/a"\n[[workspace.projects]]\npath = "projects/b"\n',
    "build.yaml": "registry: example.com/all\n",
    "container_context.yaml": "k8s: {namespace: all, env_vars: [A=1, B=1]}\ndocker: {networks: [n]}\n",
    "projects/a/pyproject.toml": '[tool.dg.project]\nroot_module = "a"\n',
    "projects/b/pyproject.toml": '[tool.dg.project]\nroot_module = "b"\ncode_location_name = "bee"\n',
    "projects/b/build.yaml": "registry: example.com/b\ndirectory: .\n",
    "projects/b/container_context.yaml": "k8s: {env_vars: [B=2]}\n",
}


def test_workspace_lies_under_its_projects(tmp_path):
    assert read(tmp_path, WORKSPACE) == [
        {
            "location_name": "a",
            "code_source": {"module_name": "a.definitions"},
            "build": {"directory": "projects/a", "registry": "example.com/all"},
            "container_context": {"k8s": {"namespace": "all", "env_vars": ["A=1", "B=1"]}, "docker": {"networks": ["n"]}},
        },
        {
            "location_name": "bee",
            "code_source": {"module_name": "b.definitions"},
            "build": {"directory": "projects/b", "registry": "example.com/b"},
            "container_context": {"k8s": {"namespace": "all", "env_vars": ["A=1", "B=2"]}, "docker": {"networks": ["n"]}},
        },
    ]  # fmt: skip


def test_workspace_in_pyproject_is_the_same(tmp_path):
    block = '[[tool.dg.workspace.projects]]\npath = "projects/a"\n[[tool.dg.workspace.projects]]\npath = "projects/b"\n'
    first = read(tmp_path / "one", WORKSPACE)
    second = read(
        tmp_path / "two",
        {**{key: text for key, text in WORKSPACE.items() if key != "dg.toml"}, "pyproject.toml": block},
    )

    assert first == second


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[tool.dg.project]\nroot_modul = "x"\n', "pyproject.toml:2: tool.dg.project.root_modul: There is no key root_modul. Did you"),
        ('[tool.dg.project]\nroot_module = "x"\nagent_queue = 1\n', "pyproject.toml:3: tool.dg.project.agent_queue: This is text, not a number"),
        ("[tool\n", "pyproject.toml:1: This is not TOML"),
        ('[tool.dagster]\nmodule_name = "x"\nmodules = [{type = "module", name = "y"}]\n', "pyproject.toml:3: tool.dagster.modules: It has"),
        ('[[tool.dg.workspace.projects]]\npath = "../x"\n', "pyproject.toml:2: tool.dg.workspace.projects[0].path: There is no folder ../x"),
        ('[project]\nname = "x"\n', "There is no Dagster project in ."),
    ],
)  # fmt: skip
def test_refused(tmp_path, text, said):
    assert refusal(tmp_path, {"pyproject.toml": text})[0].startswith(said)


def test_platform_files_are_strict(tmp_path):
    files = {**WORKSPACE, "projects/b/build.yaml": "registri: x\n"}

    assert refusal(tmp_path, files) == [
        "projects/b/build.yaml:1: registri: There is no key registri. Did you mean registry?"
    ]


def test_dagster_cloud_yaml_comes_first(tmp_path):
    files = {
        "pyproject.toml": '[tool.dagster]\nmodule_name = "shop"\n',
        "dagster_cloud.yaml": "locations: [{location_name: cloud}]",
    }

    assert read(tmp_path, files) == [{"location_name": "cloud"}]
