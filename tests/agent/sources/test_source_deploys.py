"""Versions made of archives, on a real agent: fetched once, unpacked, given a virtualenv; a failure leaves what serves."""

import io
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from agent.protocol import DesiredLocation, Source, Target
from agent.sources.archives import TRIES, SourceNames
from tests.agent.conftest import AgentProcess, ended, loaded, location
from tests.agent.fake_control_plane import FakeControlPlane
from tests.agent.sources.archives import link, packed, source_of
from tests.waiting import eventually

NewAgent = Callable[..., AgentProcess]


def made_of(plane: FakeControlPlane, version_id: str, content: bytes, **fields: Any) -> DesiredLocation:
    """A location version whose archive the control plane has."""
    source = source_of(content)
    plane.sources[source.sha256] = content
    return location(version_id, source=source, **fields)


def unpacked(home: Path, source: Source) -> Path:
    """Where the agent of this home keeps an archive."""
    return home / "sources" / SourceNames(home / "sources.key").name(source.sha256)


def worker_of(agent: AgentProcess) -> psutil.Process:
    assert agent.process is not None
    found = [one for one in psutil.Process(agent.process.pid).children() if "serve" in one.cmdline()]
    return found[-1]


def phases(plane: FakeControlPlane, version_id: str) -> list[list[str]]:
    return [sorted(one.phases) for one in plane.reports if one.version_id == version_id]


def test_archive_is_fetched_unpacked_and_worked_in(plane: FakeControlPlane, new_agent: NewAgent) -> None:
    content = packed({"project/defs.py": "x = 1", "README": ""})
    plane.serve(made_of(plane, "v1", content, target=Target(working_directory="project")))
    agent = new_agent().start()
    report = loaded(plane, "v1")

    folder = unpacked(agent.home, source_of(content))
    assert worker_of(agent).cwd() == str(folder / "project")
    assert (folder / "project/defs.py").read_text() == "x = 1"
    assert list(report.phases) == ["pulled", "started", "loaded"]
    # Who reads a path must not learn which archive it is: they could deploy it.
    assert source_of(content).sha256 not in str(folder)
    # Who waits for it hears of each phase when it has ended.
    eventually(lambda: phases(plane, "v1"), lambda found: found[-1] == ["loaded", "pulled", "started"])
    assert [one.state for one in plane.reports][:1] == ["loading"]
    assert ended(plane.launch("v1"))["reason"] == "finished"


def test_versions_of_the_same_archive_share_it(plane: FakeControlPlane, new_agent: NewAgent) -> None:
    content = packed({"defs.py": ""})
    plane.serve(made_of(plane, "v1", content), made_of(plane, "v2", content, name="other"))
    agent = new_agent().start()
    loaded(plane, "v1")
    loaded(plane, "v2")

    assert plane.requests["sources"] == 1
    assert [path for path in (agent.home / "sources").iterdir() if path.is_dir()] == [
        unpacked(agent.home, source_of(content))
    ]


def test_restarted_agent_fetches_nothing_again(plane: FakeControlPlane, new_agent: NewAgent) -> None:
    plane.serve(made_of(plane, "v1", packed({"defs.py": ""})))
    agent = new_agent().start()
    loaded(plane, "v1")
    agent.kill9()
    plane.reports.clear()
    agent.start()
    loaded(plane, "v1")

    assert plane.requests["sources"] == 1


def test_network_that_fails_is_tried_again(plane: FakeControlPlane, new_agent: NewAgent) -> None:
    plane.faults.status("sources", 503)
    plane.faults.drop_request("sources", times=1)
    plane.faults.drop_reply("sources")
    plane.serve(made_of(plane, "v1", packed({"defs.py": ""})))
    new_agent().start()

    loaded(plane, "v1")
    assert plane.requests["sources"] == 4


def test_network_that_goes_on_failing_is_told_and_asked_ever_more_slowly(
    plane: FakeControlPlane, new_agent: NewAgent
) -> None:
    plane.faults.status("sources", 503, times=1000)
    plane.serve(made_of(plane, "v1", packed({"defs.py": ""})))
    new_agent().start()
    report = loaded(plane, "v1", "failed")

    assert report.error is not None
    assert "tries again in a while" in report.error.message
    assert plane.requests["sources"] == TRIES


def test_archive_that_is_not_what_was_deployed_is_never_used(plane: FakeControlPlane, new_agent: NewAgent) -> None:
    wanted, other = packed({"defs.py": "a"}), packed({"defs.py": "b"})
    plane.serve(made_of(plane, "v1", wanted))
    plane.sources[source_of(wanted).sha256] = other
    agent = new_agent().start()
    report = loaded(plane, "v1", "failed")

    assert report.error is not None
    assert "is not what was deployed" in report.error.message
    assert [path for path in (agent.home / "sources").iterdir() if path.is_dir()] == []


BAD = {
    "unpacks to nothing": (lambda: b"\x1f\x8bnonsense", "damaged or no gzipped tar"),
    "leads out": (lambda: packed({"x": ""}, link("out", "/etc/passwd")), "outside of it"),
    "has no such folder": (lambda: packed({"x": ""}), "no folder project"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_archive_is_told_and_the_old_version_serves_on(
    plane: FakeControlPlane, new_agent: NewAgent, name: str
) -> None:
    make, text = BAD[name]
    old = made_of(plane, "v1", packed({"defs.py": ""}))
    plane.serve(old)
    new_agent().start()
    loaded(plane, "v1")
    plane.serve(old, made_of(plane, "v2", make(), target=Target(working_directory="project")))
    report = loaded(plane, "v2", "failed")

    assert report.error is not None
    assert text in report.error.message
    assert ended(plane.launch("v1"))["reason"] == "finished"


def test_archive_that_is_gone_is_told_at_once(plane: FakeControlPlane, new_agent: NewAgent) -> None:
    plane.serve(location("v1", source=source_of(b"x")))
    new_agent().start()
    report = loaded(plane, "v1", "failed")

    assert report.error is not None
    assert "Deploy the code location again" in report.error.message
    assert plane.requests["sources"] == 1


def test_image_says_which_agents_run_images(plane: FakeControlPlane, new_agent: NewAgent) -> None:
    plane.serve(location("v1", image="registry.example.com/shop:1"))
    new_agent().start()
    report = loaded(plane, "v1", "failed")

    assert report.error is not None
    assert "Kubernetes, Docker or ECS" in report.error.message


def test_image_only_informs_where_code_and_python_are_on_the_machine(
    plane: FakeControlPlane, new_agent: NewAgent, tmp_path: Path
) -> None:
    here = Target(executable_path=sys.executable, working_directory=str(tmp_path))
    in_the_image = Target(executable_path=sys.executable, working_directory="/in/the/image")
    plane.serve(
        location("v1", image="registry.example.com/shop:1", target=here),
        location("v2", name="image", image="registry.example.com/shop:1", target=in_the_image),
        location("v3", name="fork", image="registry.example.com/shop:1", target=here, isolated=True),
    )
    new_agent().start()

    loaded(plane, "v1")
    for version_id in ("v2", "v3"):
        error = loaded(plane, version_id, "failed").error
        assert error is not None
        assert "as the image registry.example.com/shop:1" in error.message


# ---- virtualenvs


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A folder with one package, `tiny` 1.0, and nothing else to install from."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        about = "tiny-1.0.dist-info"
        wheel.writestr("tiny.py", "SIZE = 1\n")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/entry_points.txt", "[console_scripts]\ntiny = tiny:SIZE.bit_length\n")
        wheel.writestr(f"{about}/RECORD", "")
    return folder


@pytest.fixture
def building(new_agent: NewAgent, index: Path) -> NewAgent:
    """Agents that install from that folder only; nothing of the machine's own settings plays a part."""

    def new(**settings: Any) -> AgentProcess:
        agent = new_agent(**settings)
        agent.env = {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(index), "UV_NO_CONFIG": "1", "UV_OFFLINE": "1"}
        return agent

    return new


def virtualenvs(agent: AgentProcess) -> list[Path]:
    return [path for path in (agent.home / "virtualenvs").iterdir() if path.is_dir()]


def test_requirements_become_a_virtualenv_that_all_versions_share(plane: FakeControlPlane, building: NewAgent) -> None:
    first = packed({"requirements.txt": "tiny==1.0\n", "defs.py": "1"})
    plane.serve(made_of(plane, "v1", first))
    agent = building().start()
    report = loaded(plane, "v1")
    [virtualenv] = virtualenvs(agent)

    assert list(report.phases) == ["pulled", "built", "started", "loaded"]
    assert worker_of(agent).cmdline()[0] == str(virtualenv / "bin/python")
    assert worker_of(agent).environ()["VIRTUAL_ENV"] == str(virtualenv)
    assert list(virtualenv.glob("lib/*/site-packages/tiny.py")) != []
    # Its programs run where it is now, not where it was made.
    assert ".new" not in (virtualenv / "bin/tiny").read_text()

    plane.serve(made_of(plane, "v2", packed({"requirements.txt": "tiny==1.0\n", "defs.py": "2"})))
    loaded(plane, "v2")
    assert virtualenvs(agent) == [virtualenv]


def test_requirements_are_looked_for_upwards(plane: FakeControlPlane, building: NewAgent) -> None:
    content = packed({"requirements.txt": "tiny\n", "a/b/defs.py": ""})
    plane.serve(made_of(plane, "v1", content, target=Target(working_directory="a/b")))
    agent = building().start()
    loaded(plane, "v1")

    assert len(virtualenvs(agent)) == 1


def test_locked_projects_packages_are_imported_from_the_archive(plane: FakeControlPlane, building: NewAgent) -> None:
    """uv.lock's own packages, the project and a member of its workspace, are not installed into what others share."""
    files = {"pyproject.toml": _WORKSPACE, "uv.lock": _LOCK, "app/pyproject.toml": _APP, "lib/pyproject.toml": _LIB}
    code = {"app/src/app/__init__.py": "", "lib/lib.py": ""}
    content = packed({**files, **code})
    plane.serve(made_of(plane, "v1", content, target=Target(working_directory="app")))
    agent = building().start()
    loaded(plane, "v1")

    root = unpacked(agent.home, source_of(content))
    paths = worker_of(agent).environ()["PYTHONPATH"].split(":")
    assert [str(root / name) for name in ("app/src", "app", "lib")] == [
        one for one in paths if one.startswith(str(root))
    ][:3]
    [virtualenv] = virtualenvs(agent)
    assert list(virtualenv.glob("lib/*/site-packages/*lib*")) == []


_WORKSPACE = '[tool.uv.workspace]\nmembers = ["app", "lib"]\n'
_LIB = '[project]\nname = "lib"\nversion = "1"\nrequires-python = ">=3.11"\n'
_APP = _LIB.replace("lib", "app") + 'dependencies = ["lib"]\n[tool.uv.sources]\nlib = { workspace = true }\n'
_LOCK = """version = 1
requires-python = ">=3.11"

[manifest]
members = ["app", "lib"]

[[package]]
name = "app"
version = "1"
source = { virtual = "app" }
dependencies = [{ name = "lib" }]

[package.metadata]
requires-dist = [{ name = "lib", virtual = "lib" }]

[[package]]
name = "lib"
version = "1"
source = { virtual = "lib" }
"""


def test_what_cannot_be_installed_is_told_in_uvs_words(plane: FakeControlPlane, building: NewAgent) -> None:
    plane.serve(made_of(plane, "v1", packed({"requirements.txt": "there-is-no-such-package\n"})))
    agent = building().start()
    report = loaded(plane, "v1", "failed")

    assert report.error is not None
    assert "requirements.txt" in report.error.message
    assert "there-is-no-such-package" in report.error.message
    assert virtualenvs(agent) == []


def test_what_builds_packages_sees_nothing_of_the_agents_own(plane: FakeControlPlane, building: NewAgent) -> None:
    setup = "import os, sys; sys.exit(f'{os.environ}')"
    files = {
        "requirements.txt": "./lib\n",
        "lib/setup.py": setup,
        "lib/pyproject.toml": _BACKEND,
        "lib/backend.py": setup,
    }
    plane.serve(made_of(plane, "v1", packed(files)))
    agent = building()
    agent.env |= {"AWS_SECRET_ACCESS_KEY": "not-for-packages", "DAGGERBOARD_AGENT_SLOTS": "3"}
    agent.start()
    report = loaded(plane, "v1", "failed")

    assert report.error is not None
    assert "PATH" in report.error.message
    assert "not-for-packages" not in report.error.message
    assert "DAGGERBOARD" not in report.error.message


@pytest.mark.parametrize(
    ("requirement", "text"),
    [("./lib", "not built on this agent"), ("-e ./lib", "not built on this agent"), ("sdist", "sdist")],
)
def test_nothing_of_strangers_is_run_to_install_it(
    plane: FakeControlPlane, building: NewAgent, index: Path, requirement: str, text: str
) -> None:
    ran = index.with_name("ran")
    backend = f"open({str(ran)!r}, 'w')"
    with tarfile.open(index / "sdist-1.0.tar.gz", "w:gz") as tar:
        for name, content in {"pyproject.toml": _BACKEND, "backend.py": backend}.items():
            member = tarfile.TarInfo(f"sdist-1.0/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content.encode()))
    files = {"requirements.txt": f"{requirement}\n", "lib/pyproject.toml": _BACKEND, "lib/backend.py": backend}
    plane.serve(made_of(plane, "v1", packed(files), isolated=True))
    building().start()
    report = loaded(plane, "v1", "failed")

    assert report.error is not None
    assert text in report.error.message
    assert not ran.exists()


def test_strangers_do_not_use_what_others_installed(plane: FakeControlPlane, building: NewAgent) -> None:
    content = packed({"requirements.txt": "tiny==1.0\n"})
    own, theirs = made_of(plane, "v1", content), made_of(plane, "v2", content, name="fork", isolated=True)
    plane.serve(own, theirs)
    agent = building().start()
    loaded(plane, "v1")
    loaded(plane, "v2")

    assert len(virtualenvs(agent)) == 2


_BACKEND = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def test_least_used_is_removed_and_never_what_is_in_use(plane: FakeControlPlane, building: NewAgent) -> None:
    first = made_of(plane, "v1", packed({"requirements.txt": "tiny==1.0\n", "defs.py": "1"}))
    second = made_of(plane, "v2", packed({"requirements.txt": "tiny>=1.0\n", "defs.py": "2"}))
    third = made_of(plane, "v3", packed({"requirements.txt": "tiny<2\n", "defs.py": "3"}))
    plane.serve(first, location("other", name="other"))
    agent = building(source_cache_mb=0).start()
    loaded(plane, "v1")
    plane.serve(first, second)
    loaded(plane, "v2")
    # Both are wanted: nothing goes, though nothing fits.
    assert len(virtualenvs(agent)) == 2

    plane.serve(second)
    loaded(plane, "v1", "unloaded")
    plane.serve(second, third)
    loaded(plane, "v3")
    assert eventually(lambda: len(virtualenvs(agent)), lambda count: count == 2) == 2
    assert not unpacked(agent.home, source_of(plane.sources[first.source.sha256])).exists()  # type: ignore[union-attr]
