"""May this process be forked with the user's code in it? Locks held by threads and shared sockets say no."""

import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path

# Libraries whose idle worker threads survive a fork: they start new pools in the child (measured, 20 of 20 runs each).
HARMLESS_LIBRARIES = re.compile(
    r"openblas|libgomp|libomp|mkl_|libarrow|duckdb|sklearn|scipy|numpy|libtbb", re.IGNORECASE
)
# Threads that name themselves after such a library; of polars, the one that an import alone starts (12 of 12 runs).
HARMLESS_THREADS = re.compile(r"^(jemalloc_bg_thd|mimalloc|arrow|duckdb|openblas|polars-ooc-clea)", re.IGNORECASE)
# Libraries whose threads take part in every call: a child that inherits them waits for ever.
BLOCKING_LIBRARIES = re.compile(r"polars|cygrpc|libtorch|tensorflow|_jpype|libjvm|libray", re.IGNORECASE)


@dataclass(frozen=True)
class Baseline:
    """What was there before user code was imported."""

    sockets: frozenset[str]
    threads: frozenset[int]


def baseline() -> Baseline:
    return Baseline(frozenset(open_sockets()), frozenset(native_threads()))


def refusal(before: Baseline) -> str | None:
    """Why the process must not be forked, in words for the location's page; None when it may."""
    return python_thread_reason() or socket_reason(before) or native_thread_reason(before)


def python_thread_reason() -> str | None:
    names = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if not names:
        return None
    return f"importing the code started {len(names)} Python thread(s): {', '.join(sorted(names)[:5])}"


def socket_reason(before: Baseline) -> str | None:
    opened = set(open_sockets()) - before.sockets
    return f"importing the code opened {len(opened)} network connection(s) or socket(s)" if opened else None


def native_thread_reason(before: Baseline) -> str | None:
    new = {thread: name for thread, name in native_threads().items() if thread not in before.threads}
    own_name = process_name()
    named = sorted({name for name in new.values() if name != own_name and not HARMLESS_THREADS.match(name)})
    if named:
        return f"importing the code started native threads: {', '.join(named[:5])}"
    if not any(name == own_name for name in new.values()):
        return None
    libraries = loaded_libraries()
    blocking = sorted({match.group() for path in libraries if (match := BLOCKING_LIBRARIES.search(path))})
    if blocking:
        return f"importing the code started native threads, and {', '.join(blocking)} is loaded"
    if not any(HARMLESS_LIBRARIES.search(path) for path in libraries):
        return f"importing the code started {len(new)} native thread(s) of unknown origin"
    return None


def open_sockets() -> dict[str, str]:
    """Link text (`socket:[inode]`) by itself, for each socket among the open descriptors."""
    links = (read_link(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd"))  # noqa: PTH208
    return {link: link for link in links if link.startswith("socket:")}


def read_link(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115 - Path.readlink would not do for `socket:[1]`
    except OSError:
        return ""


def native_threads() -> dict[int, str]:
    """Name by thread id, the main thread left out."""
    found = {}
    for name in os.listdir("/proc/self/task"):  # noqa: PTH208
        if int(name) != os.getpid():
            found[int(name)] = comm(f"/proc/self/task/{name}/comm")
    return found


def process_name() -> str:
    return comm("/proc/self/comm")


def comm(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def loaded_libraries() -> set[str]:
    lines = Path("/proc/self/maps").read_text().splitlines()
    return {path for line in lines if (path := line[73:].strip()).endswith(".so") or ".so." in path}
