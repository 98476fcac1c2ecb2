"""Documents as programs send them, and as they are written back."""

import pytest

from controlplane.delivery.location_deploys import deploy_of
from controlplane.delivery.project.document import document_of_json
from controlplane.delivery.project.problems import ProjectError
from controlplane.delivery.project.reading import read_project
from controlplane.delivery.project.writing import as_cloud_yaml, document_of_version
from controlplane.deployments.deploying import LocationDeploy
from controlplane.deployments.source_serializers import NamedDeploySerializer
from tests.delivery.project.test_cloud_yaml import WHOLE
from tests.delivery.project.trees import write_tree

SENT = {
    "location_name": "shop",
    "code_source": {"module_name": "shop.defs"},
    "image": "shop:1",
    "working_directory": "/opt/shop",
    "attribute": "defs",
    "executable_path": "/venv/bin/python",
    "agent_queue": "gpu",
    "container_context": {"docker": {"networks": ["n"]}},
    "git": {"commit_hash": "abc", "url": "https://example.com/x", "provider": "github", "repo_owner": "o"},
    "defs_state_info": {"anything": 1},
}


def test_everything_that_is_sent_is_read():
    found = document_of_json(SENT)

    written = {key: value for key, value in SENT.items() if key != "defs_state_info"}
    assert found.as_json() == {**written, "git": {"commit_hash": "abc", "url": "https://example.com/x"}}
    assert found.target(of_source=False).working_directory == "/opt/shop"


def test_code_source_may_stand_beside_the_rest():
    assert document_of_json({"location_name": "x", "python_file": "x.py"}).code_source == {"python_file": "x.py"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pex_metadata": {"pex_tag": "x"}}, "location.pex_metadata: Deploys from PEX files are Dagster+ Serverless only"),
        ({"package_name": "b"}, "location.code_source: Name what to load in one way"),
        ({"imagee": "b"}, "location.imagee: There is no key imagee. Did you mean image?"),
        ({"git": {"sha": "b"}}, "location.git.sha: There is no key sha"),
        ({"location_name": None}, "location: A code location needs a location_name"),
    ],
)  # fmt: skip
def test_refused(change, said):
    with pytest.raises(ProjectError) as refused:
        document_of_json({**SENT, **change})
    assert str(refused.value.problems[0]).startswith(said)


def test_written_file_reads_back(tmp_path):
    source = write_tree(tmp_path / "one", {"dagster_cloud.yaml": WHOLE, "sales/defs.py": ""})
    found = read_project(source).locations
    copy = write_tree(tmp_path / "two", {"sales/defs.py": ""})

    (copy / "dagster_cloud.yaml").write_text(as_cloud_yaml(found))

    assert read_project(copy).locations == found


def test_what_looks_like_a_template_is_written_as_text(tmp_path):
    found = document_of_json(
        {"location_name": "x", "container_context": {"k8s": {"labels": {"a": "{{ b }} {% c {# d"}}}}
    )

    write_tree(tmp_path, {"dagster_cloud.yaml": as_cloud_yaml([found])})

    assert read_project(tmp_path).locations == (found,)


def test_deployed_version_is_a_document():
    version = {"target": {"module_name": "a", "attribute": None}, "image": "", "container_context": {"k8s": {}}}

    assert document_of_version("x", version, queue="default").as_json() == {
        "location_name": "x",
        "code_source": {"module_name": "a"},
        "container_context": {"k8s": {}},
    }


def test_deploy_of_a_document_is_what_the_api_makes_of_its_json():
    for sent, sha256 in ((SENT, ""), ({"location_name": "x", "module_name": "x", "agent_queue": "q"}, "0" * 64)):
        document = document_of_json(sent)
        asked = NamedDeploySerializer(data=document.deploy_json(source_sha256=sha256))
        asked.is_valid(raise_exception=True)

        wanted = LocationDeploy(
            asked.validated_data["name"],
            NamedDeploySerializer.code(asked.validated_data),
            asked.validated_data["queue"],
        )
        assert deploy_of(document, source_sha256=sha256) == wanted
