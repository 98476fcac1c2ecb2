"""As whom a server runs. Postgres refuses to run as root, so root gives it a user namespace, or the user nobody."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
# Loaded once, before any fork: a forked child must not import or allocate more than it has to.
_LIBC = ctypes.CDLL(None, use_errno=True)


class RunAsKind(StrEnum):
    SELF = "self"
    NAMESPACE = "namespace"
    NOBODY = "nobody"


@dataclass(frozen=True)
class RunAs:
    """How to start a server's processes, and who owns its files as seen from outside."""

    kind: RunAsKind
    uid: int
    gid: int

    @classmethod
    def itself(cls) -> "RunAs":
        return cls(RunAsKind.SELF, os.geteuid(), os.getegid())

    def popen_arguments(self, *, death_signal: signal.Signals) -> dict[str, Any]:
        """Own session (Ctrl-C is ours to forward), own identity, and a signal when the process that started it dies."""
        arguments: dict[str, Any] = {"start_new_session": True}
        if self.kind is RunAsKind.NOBODY:
            arguments |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return arguments | {"preexec_fn": _before_exec(self.kind, death_signal)}

    def reaches(self, *, binary: Path, folder: Path) -> bool:
        """Whether a process started this way can execute the binary and write into the folder."""
        command = ["/bin/sh", "-c", 'test -x "$1" && test -w "$2" && test -x "$2"', "sh", str(binary), str(folder)]
        try:
            answer = subprocess.run(
                command, check=False, cwd="/", capture_output=True, **self.popen_arguments(death_signal=signal.SIGKILL)
            )
        except (OSError, subprocess.SubprocessError):
            return False
        return answer.returncode == 0

    def take_over(self, tree: Path) -> None:
        """Make everything below the folder ours, when an earlier start used another identity."""
        if os.geteuid() != 0 or (tree.stat().st_uid, tree.stat().st_gid) == (self.uid, self.gid):
            return
        # The tree's own folder last: it says whether all of this was done.
        for folder, _, files in os.walk(tree, topdown=False):
            for name in files:
                os.chown(Path(folder, name), self.uid, self.gid, follow_symlinks=False)
            os.chown(folder, self.uid, self.gid)

    def take_over_file(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)


def candidates() -> list[RunAs]:
    """The ways to start a server here, best first."""
    if os.geteuid() != 0:
        return [RunAs.itself()]
    nobody = pwd.getpwnam("nobody")
    as_nobody = RunAs(RunAsKind.NOBODY, nobody.pw_uid, nobody.pw_gid)
    return [RunAs(RunAsKind.NAMESPACE, 0, 0), as_nobody] if sys.platform == "linux" else [as_nobody]


def _before_exec(kind: RunAsKind, death_signal: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()
    nobody = pwd.getpwnam("nobody") if kind is RunAsKind.NAMESPACE else None

    def prepare() -> None:
        if nobody:
            _enter_user_namespace(nobody.pw_uid, nobody.pw_gid)
        if sys.platform == "linux":
            # After any change of identity, because that clears it.
            _LIBC.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


def _enter_user_namespace(uid: int, gid: int) -> None:
    # Outside the process stays root and so reaches root's folders; inside it is nobody, a user that must exist.
    if _LIBC.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are refused")
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} 0 1")
    _write("/proc/self/gid_map", f"{gid} 0 1")


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    os.write(descriptor, text.encode())
    os.close(descriptor)
