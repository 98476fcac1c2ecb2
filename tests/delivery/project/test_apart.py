"""Projects of others are read in a process of its own, which strangers can make fail and nothing more."""

import pytest

from controlplane.delivery.project.apart import Order, read_and_pack
from controlplane.delivery.project.packing import Limits, pack
from controlplane.delivery.project.problems import ProjectError
from controlplane.delivery.project.reading import read_project
from tests.delivery.project.trees import write_tree

CLOUD = "locations: [{location_name: a, build: {directory: a}}, {location_name: b, image: 'x:1'}]"


def order(root, tmp_path, **options):
    into = tmp_path / "archives"
    into.mkdir()
    return Order(root=str(root), into=str(into), limits=Limits(), **options)


def test_project_and_archives_are_the_same_as_in_this_process(tmp_path):
    root = write_tree(tmp_path / "tree", {"dagster_cloud.yaml": CLOUD, "a/x.py": "1"})

    found = read_and_pack(order(root, tmp_path))

    assert found.project == read_project(root)
    archive = pack(root, "a", Limits())
    assert {name: one.sha256 for name, one in found.archives.items()} == {"a": archive.sha256}
    assert (tmp_path / "archives" / f"{archive.sha256}.tar.gz").read_bytes() == archive.content


def test_same_files_packed_for_many_code_locations_are_refused(tmp_path):
    """Build directories may lie in one another: a small repository becomes as many archives as it likes."""
    deep = "/".join(["a"] * 20)
    folders = ["/".join(["a"] * depth) for depth in range(1, 21)]
    cloud = "locations:\n" + "".join(
        f"- {{location_name: l{n}, build: {{directory: {folder}}}}}\n" for n, folder in enumerate(folders)
    )
    root = write_tree(tmp_path / "tree", {"dagster_cloud.yaml": cloud, f"{deep}/big.txt": "x" * 100_000})

    with pytest.raises(ProjectError, match="pack to more than 1 MiB"):
        read_and_pack(order(root, tmp_path, total_bytes=2**20))
    assert sum(file.stat().st_size for file in (tmp_path / "archives").iterdir()) <= 2**20


def test_more_code_locations_than_any_project_has_are_refused(tmp_path):
    cloud = "locations:\n" + "".join(f"- {{location_name: l{n}, image: 'x:1'}}\n" for n in range(201))
    root = write_tree(tmp_path / "tree", {"dagster_cloud.yaml": cloud})

    with pytest.raises(ProjectError, match="201 code locations"):
        read_and_pack(order(root, tmp_path))


def test_problems_come_back_as_they_are(tmp_path):
    root = write_tree(tmp_path / "tree", {"dagster_cloud.yaml": "locations: 1"})

    with pytest.raises(ProjectError) as refused:
        read_and_pack(order(root, tmp_path))
    assert str(refused.value.problems[0]).startswith("dagster_cloud.yaml:1: locations: This is a")


def test_our_environment_is_not_in_it(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGGERBOARD_SECRET_KEY", "secret")
    text = "locations: [{location_name: \"x{{ get_env('DAGGERBOARD_SECRET_KEY') }}\"}]"
    root = write_tree(tmp_path / "tree", {"dagster_cloud.yaml": text, "a.py": ""})

    assert read_and_pack(order(root, tmp_path)).project.names == ["x"]


def test_template_that_takes_all_memory_ends_its_own_process(tmp_path):
    doubling = "{% set x = 'x' * 100000 %}" + "{% set x = x ~ x %}" * 20
    root = write_tree(tmp_path / "tree", {"dagster_cloud.yaml": f"{doubling}\nlocations: []"})

    with pytest.raises(ProjectError, match=r"too much memory"):
        read_and_pack(order(root, tmp_path))
