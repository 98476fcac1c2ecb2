"""What commands refuse before they ask anybody, so that a typing error or an empty pipe does no harm."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controlplane.cli.deploy import Wanted, _documents, local_documents
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.inspect import inspect_project
from controlplane.cli.main import app
from controlplane.delivery.project.document import LocationDocument
from tests.cli.repositories import FILES, make_repository

PROJECT = {"pyproject.toml": '[tool.dagster]\nmodule_name = "shop"\ncode_location_name = "shop"\n', "shop.py": ""}


def test_typing_error_in_a_name_makes_no_second_code_location(tmp_path: Path) -> None:
    project = make_repository(tmp_path / "project", PROJECT)

    def names(name: str | None, rename: str | None = None) -> list[str]:
        return [one.name for one in _documents(Wanted(name=name, path=project, names={}, rename=rename))[1]]

    assert names("shop") == ["shop"]
    with pytest.raises(CommandError, match=r"is called shop, not shpo\. To call it so here: --name shpo") as refused:
        names("shpo")
    assert refused.value.exit_code == ExitCode.USAGE
    assert names(None, rename="other") == ["other"]


def test_name_is_given_to_a_single_code_location(tmp_path: Path) -> None:
    project = make_repository(tmp_path / "project")
    with pytest.raises(CommandError, match=r"--name is for a single code location; .* there are sales, ml"):
        _documents(Wanted(name=None, path=project, names={}, rename="other"))


def test_local_deploy_takes_names_and_targets_of_the_projects_files(tmp_path: Path) -> None:
    def local(name: str | None = None, *, rename: str | None = None, folder: Path) -> list[LocationDocument]:
        return local_documents(Wanted(name=name, path=folder, names={}, rename=rename, local=True))

    project = make_repository(tmp_path / "project", PROJECT)
    [document] = local(folder=project)
    assert (document.name, document.code_source) == ("shop", {}), "the agent reads the pyproject.toml"
    assert document.working_directory == str(project.resolve())
    assert [one.name for one in local("mine", folder=project)] == ["mine"]

    several = make_repository(tmp_path / "several")
    found = {one.name: one for one in local(folder=several)}
    assert found.keys() == {"sales", "ml"}
    assert all(one.code_source and Path(one.working_directory or "").is_dir() for one in found.values())

    bare = make_repository(tmp_path / "bare", {"shop.py": ""})
    with pytest.raises(CommandError, match=r"no Dagster project.*Or name the code location: daggerboard deploy NAME"):
        local(folder=bare)


@pytest.mark.parametrize("piped", ["", "\n"])
def test_nothing_on_standard_input_is_no_value(piped: str) -> None:
    failure = CliRunner().invoke(app, ["env", "set", "PASSWORD"], input=piped).exception
    assert isinstance(failure, CommandError)
    assert "Nothing came on standard input" in str(failure)


def test_every_code_location_of_a_dagster_cloud_yaml_is_inspected(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    project = make_repository(tmp_path / "project", {**FILES, "ml/defs.py": "raise RuntimeError('no model')"})

    assert inspect_project(project, names={}, python=None) != 0

    found = json.loads(capfd.readouterr().out)["code_locations"]
    assert found["sales"]["assets"] == 1
    assert found["ml"]["error"]["message"] == "RuntimeError: no model\n"
