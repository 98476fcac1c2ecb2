"""dagster_cloud.yaml: what it says, and how it is refused."""

import pytest

from controlplane.delivery.project.problems import ProjectError
from controlplane.delivery.project.reading import read_project
from tests.delivery.project.trees import write_tree

WHOLE = """\
    defaults:
      agent_queue: gpu
      working_directory: code
      build:
        registry: registry.example.com/data
      container_context:
        k8s:
          namespace: data
          env_vars: [LEVEL=info, REGION=eu]
          volumes: [{name: cache, emptyDir: {}}]
          run_k8s_config:
            container_config:
              args: [--slow]
              resources: {limits: {cpu: 1, memory: 1Gi}}
    locations:
      - location_name: sales
        code_source: {module_name: sales.definitions}
        build: {directory: ./sales}
        attribute: defs
        container_context:
          k8s:
            env_vars: [LEVEL=debug, NEW]
            volumes: [{name: cache, hostPath: {path: /x}}, {name: more}]
            run_k8s_config:
              container_config:
                args: [--fast]
                resources: {limits: {cpu: 2}}
              merge_behavior: SHALLOW
      - location_name: ml
        code_source: {python_file: ml/defs.py}
        image: example/ml:1
        agent_queue: default
        executable_path: /venv/bin/python
"""


def refusal(tmp_path, text, **options):
    write_tree(tmp_path, {"dagster_cloud.yaml": text})
    with pytest.raises(ProjectError) as refused:
        read_project(tmp_path, **options)
    return [str(problem) for problem in refused.value.problems]


def test_every_field_is_read_and_defaults_lie_under_it(tmp_path):
    write_tree(tmp_path, {"dagster_cloud.yaml": WHOLE, "sales/defs.py": ""})

    project = read_project(tmp_path)

    assert [document.as_json() for document in project.locations] == [
        {
            "location_name": "sales",
            "code_source": {"module_name": "sales.definitions"},
            "build": {"directory": "sales", "registry": "registry.example.com/data"},
            "working_directory": "code",
            "attribute": "defs",
            "agent_queue": "gpu",
            "container_context": {
                "k8s": {
                    "namespace": "data",
                    "env_vars": ["REGION=eu", "LEVEL=debug", "NEW"],
                    "volumes": [{"name": "cache", "hostPath": {"path": "/x"}}, {"name": "more"}],
                    "run_k8s_config": {
                        "container_config": {"args": ["--fast"], "resources": {"limits": {"cpu": 2, "memory": "1Gi"}}},
                        "merge_behavior": "SHALLOW",
                    },
                }
            },
        },
        {
            "location_name": "ml",
            "code_source": {"python_file": "ml/defs.py"},
            "build": {"registry": "registry.example.com/data"},
            "working_directory": "code",
            "executable_path": "/venv/bin/python",
            "image": "example/ml:1",
            "agent_queue": "default",
            "container_context": {
                "k8s": {
                    "namespace": "data",
                    "env_vars": ["LEVEL=info", "REGION=eu"],
                    "volumes": [{"name": "cache", "emptyDir": {}}],
                    "run_k8s_config": {
                        "container_config": {"args": ["--slow"], "resources": {"limits": {"cpu": 1, "memory": "1Gi"}}}
                    },
                }
            },
        },
    ]


def test_directories_are_relative_to_the_file(tmp_path):
    write_tree(
        tmp_path,
        {
            "etl/dagster_cloud.yaml": "locations: [{location_name: a, build: {directory: ../shared}}, {location_name: b}]",
            "shared/x.py": "",
        },
    )

    project = read_project(tmp_path, folder="etl")

    assert [document.build.directory for document in project.locations] == ["shared", "etl"]
    assert read_project(tmp_path, file="etl/dagster_cloud.yaml").locations == project.locations


def test_everything_wrong_is_told_at_once_with_its_line(tmp_path):
    said = refusal(
        tmp_path,
        """\
        locations:
          - location_name: a
            imagee: x
            code_source:
              module_name: a
              package_name: b
          - location_name: a
            agent_queue: 3
            build: {directory: ../..}
            container_context:
              k8s: {namespce: x, env_vars: [1], server_replica_count: two}
              nomad: {}
              docker: []
          - code_source: {modul_name: x}
        more: 1
        """,
    )

    assert said == [
        "dagster_cloud.yaml:15: more: There is no key more. Known are defaults, locations.",
        "dagster_cloud.yaml:3: locations[0].imagee: There is no key imagee. Did you mean image?",
        "dagster_cloud.yaml:4: locations[0].code_source: Name what to load in one way, not by module_name and package_name.",
        "dagster_cloud.yaml:12: locations[1].container_context.nomad: There is no key nomad. Known are k8s, ecs, docker, aca.",
        "dagster_cloud.yaml:11: locations[1].container_context.k8s.namespce: There is no key namespce. Did you mean namespace?",
        "dagster_cloud.yaml:11: locations[1].container_context.k8s.env_vars[0]: This is text, not a number. Put it in quotes.",
        "dagster_cloud.yaml:11: locations[1].container_context.k8s.server_replica_count: This is a whole number.",
        "dagster_cloud.yaml:13: locations[1].container_context.docker: This is a mapping of keys to values, not a list.",
        "dagster_cloud.yaml:8: locations[1].agent_queue: This is text, not a number. Put it in quotes.",
        "dagster_cloud.yaml:9: locations[1].build.directory: The build directory is a folder of the project, relative to this file.",
        "dagster_cloud.yaml:14: locations[2]: A code location needs a location_name.",
        "dagster_cloud.yaml:14: locations[2].code_source.modul_name: There is no key modul_name. Did you mean module_name?",
        "dagster_cloud.yaml:2: locations[0].location_name: Another code location is called a too.",
        "dagster_cloud.yaml:7: locations[1].location_name: Another code location is called a too.",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("locations: [", "dagster_cloud.yaml:1: This is not YAML"),
        ("locations:\n- location_name: a\n  location_name: b", "dagster_cloud.yaml:3: locations[0]: The key location_name is there"),
        ("", "dagster_cloud.yaml: locations: There is no code location in it"),
        ("- a", "dagster_cloud.yaml:1: This is a mapping of keys to values, not a list"),
        ("locations: !!python/object:os.system {}", "dagster_cloud.yaml:1: This is not YAML"),
        ("defaults: {attribute: x}\nlocations: [{location_name: a}]", "dagster_cloud.yaml:1: defaults.attribute: There is no key"),
        ("locations: [{location_name: a, build: {directory: gone}}]", "dagster_cloud.yaml: The build directory gone of a is not"),
        ("&a [&b [&c [*a]]]", "dagster_cloud.yaml:1: The file stands for too many values"),
    ],
)  # fmt: skip
def test_refused(tmp_path, text, said):
    (found,) = refusal(tmp_path, text)

    assert found.startswith(said)


def test_small_file_that_stands_for_a_large_one_is_refused(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]

    (said,) = refusal(tmp_path, "\n".join(lines))

    assert "too many values" in said


def test_templates_see_values_and_the_given_environment(tmp_path):
    text = """\
        locations:
        {% for name in names.split(',') %}
          - location_name: {{ name }}-{{ get_env('STAGE', 'none') }}
            container_context: {{ {'k8s': {'labels': {'a': 'b'}}} | to_yaml(default_flow_style=True) }}
        {% endfor %}
    """
    write_tree(tmp_path, {"dagster_cloud.yaml": text})

    project = read_project(tmp_path, values={"names": "x,y"}, environment={"STAGE": "prod"})

    assert project.names == ["x-prod", "y-prod"]
    assert project.location("y-prod").container_context == {"k8s": {"labels": {"a": "b"}}}
    assert read_project(tmp_path, values={"names": "x"}).names == ["x-none"]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ missing }}", "dagster_cloud.yaml:2: 'missing' is undefined. Give it a value with --value NAME=VALUE."),
        ("{% for %}", "dagster_cloud.yaml:2: This is not Jinja"),
        ("{{ ''.__class__.__mro__ }}", "dagster_cloud.yaml:2: The template fails: access to attribute '__class__'"),
        ("{{ 1 / 0 }}", "dagster_cloud.yaml:2: The template fails: division by zero"),
        ("{% include '/etc/passwd' %}", "dagster_cloud.yaml:2: The template fails: no loader"),
    ],
)
def test_template_is_refused(tmp_path, template, said):
    (found,) = refusal(tmp_path, f"locations:\n- location_name: {template}")

    assert found.startswith(said)


def test_link_out_of_the_project_is_not_read(tmp_path):
    secret = tmp_path / "secret.yaml"
    secret.write_text("locations: [{location_name: secret}]")
    project = tmp_path / "project"
    project.mkdir()
    (project / "dagster_cloud.yaml").symlink_to(secret)

    with pytest.raises(ProjectError, match="outside the project"):
        read_project(project)
