"""Every difference between dagster 1.10 and 1.13 that matters to us, in one place."""

import contextlib
import inspect
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import dagster

try:
    from dagster_shared.error import SerializableErrorInfo
except ImportError:  # before 1.11
    from dagster._utils.error import SerializableErrorInfo  # type: ignore[attr-defined,no-redef,unused-ignore]

__all__ = [
    "SerializableErrorInfo",
    "accepted",
    "in_process_like",
    "loadable_targets",
    "partition_context",
    "partition_keys",
    "remote_origins",
    "selected_asset_keys",
    "start_load_context",
]

DAGSTER_VERSION: str = dagster.__version__


def accepted(function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Those of the arguments that this dagster's function takes."""
    parameters = inspect.signature(function).parameters
    return {name: value for name, value in arguments.items() if name in parameters}


def loadable_targets(**arguments: Any) -> Sequence[Any]:
    """`resolve_lazy_defs` came with 1.12."""
    from dagster._grpc.utils import get_loadable_targets

    return get_loadable_targets(**accepted(get_loadable_targets, {**arguments, "resolve_lazy_defs": True}))


def start_load_context(location_name: str) -> None:
    """Definitions loaded from now on keep what dagster needs to rebuild them in another process."""
    from dagster._core.definitions.definitions_load_context import DefinitionsLoadContext, DefinitionsLoadType

    DefinitionsLoadContext.set(
        DefinitionsLoadContext(
            DefinitionsLoadType.INITIALIZATION,
            **accepted(DefinitionsLoadContext.__init__, {"repository_load_data": load_data(location_name)}),
        )
    )


def load_data(location_name: str) -> Any:
    """1.13 lets state-backed components know their code location; before, the context starts empty."""
    from dagster._core.definitions.repository_definition import RepositoryLoadData

    arguments = accepted(RepositoryLoadData.__new__, {"code_location_name": location_name})
    return RepositoryLoadData(**arguments) if arguments else None


def in_process_like(executor: Any) -> Any:
    """The in-process executor with another one's settings; step dependencies became one of them in 1.11."""
    from dagster._core.executor.in_process import InProcessExecutor

    names = ("retries", "step_dependency_config")
    settings = {name: getattr(executor, name) for name in names if hasattr(executor, name)}
    return InProcessExecutor(**accepted(InProcessExecutor.__init__, settings))


def partition_context(instance: Any) -> AbstractContextManager[Any]:
    """Since 1.11 dynamic partitions are looked up through a context instead of an argument."""
    try:
        from dagster._core.definitions.partitions.context import partition_loading_context
    except ImportError:
        return contextlib.nullcontext()
    return partition_loading_context(effective_dt=None, dynamic_partitions_store=instance)


def partition_keys(definition: Any, instance: Any) -> Sequence[str]:
    """All keys; inside `partition_context` since 1.11, before it with the store as an argument."""
    return list(definition.get_partition_keys(**accepted(definition.get_partition_keys, in_store(instance))))


def in_store(instance: Any) -> dict[str, Any]:
    return {"dynamic_partitions_store": instance}


def remote_origins() -> Any:
    """The module of the classes that say where a job comes from: moved in 1.11."""
    try:
        from dagster._core import remote_origin
    except ImportError:
        from dagster._core.remote_representation import origin as remote_origin
    return remote_origin


def selected_asset_keys(job: Any) -> Sequence[Any]:
    """`executable_asset_keys` until 1.10, then `selected_asset_keys`."""
    layer = job.asset_layer
    for name in ("selected_asset_keys", "executable_asset_keys"):
        keys = getattr(layer, name, None)
        if keys is not None:
            return sorted(keys)
    return []


def selected_check_keys(job: Any) -> Sequence[Any]:
    """Asset checks of a job: those of its own asset graph, which holds what it selects."""
    layer = job.asset_layer
    keys = getattr(layer, "asset_check_keys", None)
    if keys is None:
        keys = getattr(getattr(layer, "asset_graph", None), "asset_check_keys", ())
    return sorted(keys, key=str)
