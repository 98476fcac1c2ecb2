"""Fork, and make of the child a process of its own: group, signals, descriptors, randomness."""

import atexit
import contextlib
import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import NoReturn

HELD_BACK = (signal.SIGINT, signal.SIGTERM)
_PR_SET_PDEATHSIG = 1
# Looked up in the parent: a child need not.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
CRASHED = 70
INTERRUPTED = 130


def fork_child(work: Callable[[], int], *, close: Iterable[Callable[[], None]]) -> int:
    """The child's pid; `work` runs in the child and its answer is the exit code."""
    # A cancel that arrives in between must find the child's own handlers.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
    try:
        pid = os.fork()
        if pid == 0:
            become_child(work, close, mask)
        # Both sides set it, so that whoever comes first, the group exists.
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def become_child(work: Callable[[], int], close: Iterable[Callable[[], None]], mask: Iterable[int]) -> NoReturn:
    code = CRASHED
    try:
        os.setpgid(0, 0)
        for release in close:
            release()
        reset_signals(mask)
        forget_exit_handlers()
        reseed()
        code = work()
        run_exit_handlers()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BaseException:  # noqa: BLE001 - the end of the process; nobody above can act
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def reset_signals(mask: Iterable[int]) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def forget_exit_handlers() -> None:
    """Those of the parent clean up what the parent still uses, such as temporary folders made on import."""
    atexit._clear()


def end_with_parent() -> None:
    """Have the kernel kill this process when the one that forked it ends, however it does. Linux only; elsewhere a no-op."""
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def run_exit_handlers() -> None:
    """Those that the run itself registered, and the end of the processes it started."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util._exit_function()
    atexit._run_exitfuncs()


def reseed() -> None:
    """Python reseeds `random` in a forked child; numpy's global generator has to be told."""
    random = getattr(sys.modules.get("numpy"), "random", None)
    if random is not None:
        random.seed()
