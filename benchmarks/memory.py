"""Resident memory of processes."""

import psutil

_MB = 1024 * 1024


def resident_mb(process: psutil.Process) -> float:
    """Of this one process."""
    return float(process.memory_info().rss) / _MB


def tree_mb(process: psutil.Process) -> float:
    """Of a process and all it started; pages they share, such as Postgres's buffers, count once (PSS)."""
    family = [process, *process.children(recursive=True)]
    return sum(float(member.memory_full_info().pss) for member in family) / _MB
