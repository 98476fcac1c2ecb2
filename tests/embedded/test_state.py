"""The state folder: private, one `up` at a time, secrets and ports that stay."""

import os
import pwd
import shutil
import socket
import stat
from pathlib import Path

import pytest

from controlplane.embedded.errors import (
    AlreadyRunningError,
    BrokenDataError,
    DiskFullError,
    FolderAccessError,
    PortInUseError,
)
from controlplane.embedded.state import StateFolder, locate_home
from tests.embedded.programs import ROOT, as_user, program

HOLD = """
from pathlib import Path
from controlplane.embedded.state import StateFolder
with StateFolder(Path(sys.argv[1])):
    say("open")
    sys.stdin.read()
"""


def test_home_is_where_the_environment_says_or_in_the_checkout() -> None:
    assert locate_home({"DAGGERBOARD_HOME": "/srv/daggerboard"}) == Path("/srv/daggerboard")
    assert locate_home({}) == ROOT / ".daggerboard"


def test_everything_in_it_is_private(tmp_path: Path) -> None:
    with StateFolder(tmp_path / "state") as state:
        state.secret("key")
        state.port("web")

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state").iterdir()}
    folders = dict.fromkeys(["agent", "logs", "objects", "processes"], 0o700)
    assert modes == folders | dict.fromkeys(["lock", "secrets.json", "ports.json"], 0o600)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_folder_that_others_could_list_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    with StateFolder(tmp_path):
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_second_up_is_told_the_pid_of_the_first(tmp_path: Path) -> None:
    with program(HOLD, tmp_path) as first:
        first.hear()

        with pytest.raises(AlreadyRunningError) as refusal:
            StateFolder(tmp_path).open()

        assert StateFolder(tmp_path).runner() == first.pid
    assert str(refusal.value) == (
        f"Daggerboard is already running: process {first.pid} uses {tmp_path}. "
        f"Stop it (kill {first.pid}), or use another DAGGERBOARD_HOME."
    )


def test_killed_up_leaves_the_folder_free(tmp_path: Path) -> None:
    with program(HOLD, tmp_path) as first:
        first.hear()
        first.kill()

    assert StateFolder(tmp_path).runner() is None
    with StateFolder(tmp_path) as state:
        assert state.runner() == os.getpid()


def test_secrets_are_made_once(tmp_path: Path) -> None:
    with StateFolder(tmp_path) as state:
        first, other = state.secret("key"), state.secret("other")
    with StateFolder(tmp_path) as state:
        assert (state.secret("key"), state.secret("other")) == (first, other)

    assert len(first) >= 64
    assert first != other


def test_unreadable_secrets_are_one_clear_line(tmp_path: Path) -> None:
    with StateFolder(tmp_path) as state:
        (tmp_path / "secrets.json").write_text("{")

        with pytest.raises(BrokenDataError, match=f"{tmp_path}/secrets.json cannot be read: .* Restore it"):
            state.secret("key")


def test_port_is_remembered_until_somebody_takes_it(tmp_path: Path) -> None:
    with StateFolder(tmp_path) as state:
        port = state.port("web")
        assert state.port("web") == port

        with socket.create_server(("127.0.0.1", port)):
            assert state.port("web") != port


def test_usual_port_is_taken_when_it_is_free(tmp_path: Path) -> None:
    with StateFolder(tmp_path) as state:
        free = state.port("probe")

        assert state.port("web", usual=free) == free


def test_fixed_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with StateFolder(tmp_path) as state, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(PortInUseError, match=f"web cannot listen on 127.0.0.1:{port}: another program uses"):
            state.port("web", fixed=port)


def test_full_disk_is_one_clear_line(small_disk: Path) -> None:
    state = StateFolder(small_disk / "state").open()
    (small_disk / "filler").write_bytes(b"\0" * shutil.disk_usage(small_disk).free)

    with pytest.raises(DiskFullError, match=f"Daggerboard cannot write to {small_disk}/state: no space is left"):
        state.secret("key")
    state.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_folder_of_another_user_is_one_clear_line(open_folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")

    said = as_user(nobody.pw_uid, nobody.pw_gid, lambda: str(StateFolder(open_folder / "state").open().path))

    assert said.startswith(f"{FolderAccessError.__name__}: Daggerboard cannot keep its data in {open_folder}/state: ")
    assert "\n" not in said
