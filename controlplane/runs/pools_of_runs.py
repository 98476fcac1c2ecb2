"""Which concurrency pools a run touches, by its selection. Pure."""

from collections.abc import Iterable, Iterator

from controlplane.definitions.manifest import Op
from controlplane.runs.selection import Selection


def pools_of(selection: Selection) -> tuple[list[str], list[str]]:
    """All of them, and the same again where every step is in one: such a run can do nothing while they are full."""
    if selection.job.ops is None:
        parts = [asset.pools for asset in selection.touched if asset.is_executable]
        # A check that is run by itself is in no pool that the definitions tell.
        is_gated = bool(parts) and all(parts) and not selection.checks
    else:
        parts = [op.pools for op in _selected(selection)]
        is_gated = bool(parts) and all(parts)
    pools = sorted({pool for names in parts for pool in names})
    return pools, pools if is_gated else []


def _selected(selection: Selection) -> list[Op]:
    """The ops that run. Neighbours that a selection names by `+` or `*` are told by dagster alone: all of the job then."""
    ops = list(_leaves(selection.job.ops or [], ""))
    if not selection.ops or any(set(name) & set("*+") for name in selection.ops):
        return [op for _path, op in ops]
    return [op for path, op in ops if any(path == name or path.startswith(f"{name}.") for name in selection.ops)]


def _leaves(ops: Iterable[Op], prefix: str) -> Iterator[tuple[str, Op]]:
    for op in ops:
        if op.ops:
            yield from _leaves(op.ops, f"{prefix}{op.name}.")
        else:
            yield prefix + op.name, op
