"""What has to be true of the process before user code is imported: working directory, sys.path, recursion, output."""

import contextlib
import os
import resource
import sys
import threading
from io import TextIOWrapper
from pathlib import Path

WORKER_ROOT = str(Path(__file__).resolve().parent.parent)

# Dagster sorts and resolves its graphs recursively, a few frames per asset of a chain.
RECURSION_LIMIT = 40_000
# Frames that go through C take about 2 kB of stack, and an endless recursion of user code must end as an error, not a crash.
# The kernel keeps 128 MiB free below the main stack; of a thread's, only the pages that it touches take memory.
STACK_BYTES = 120 * 1024 * 1024


def prepare_process(*, working_directory: str) -> None:
    hide_worker_from_subprocesses()
    enter_working_directory(working_directory)
    allow_deep_graphs()
    write_output_by_line()


def hide_worker_from_subprocesses() -> None:
    """The agent put us on PYTHONPATH; processes that user code starts must not inherit that."""
    entries = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    kept = [entry for entry in entries if str(Path(entry).resolve()) != WORKER_ROOT]
    if kept:
        os.environ["PYTHONPATH"] = os.pathsep.join(kept)
    else:
        os.environ.pop("PYTHONPATH", None)


def environment_with_worker() -> dict[str, str]:
    """The environment in which `-m daggerboard_worker` can be started again."""
    entries = [WORKER_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(entries)}


def enter_working_directory(working_directory: str) -> None:
    """Make the working directory the first entry of sys.path, as it is under dagster's own command line."""
    started_in = str(Path.cwd())
    # Loading says what is wrong with a folder that is not there.
    if Path(working_directory).is_dir():
        os.chdir(working_directory)
    if sys.path and sys.path[0] in ("", started_in):
        del sys.path[0]
    sys.path[:] = [entry for entry in sys.path if str(Path(entry).resolve()) != WORKER_ROOT]
    sys.path.insert(0, str(Path.cwd()))
    # Last, so that nothing of ours shadows the user's; still there, because spawned step processes import us.
    sys.path.append(WORKER_ROOT)


def allow_deep_graphs() -> None:
    sys.setrecursionlimit(max(RECURSION_LIMIT, sys.getrecursionlimit()))
    threading.stack_size(STACK_BYTES)
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    wanted = STACK_BYTES if hard == resource.RLIM_INFINITY else min(STACK_BYTES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))


def write_output_by_line() -> None:
    """A print must reach the log file when its line ends, not when a buffer of 8 kB is full."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
