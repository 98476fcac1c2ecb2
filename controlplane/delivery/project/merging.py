"""Defaults under a location's own values: mappings are merged key by key, lists by what identifies their items."""

from typing import Any

# Words of a command line belong together: the location's own stand for all of them.
_REPLACED = {"args", "command"}
_IDENTITIES = ("name", "key")


def merge(under: Any, over: Any, *, key: str = "") -> Any:
    """What holds when `over` was said on top of `under`. Neither is changed.

    Lists of `KEY=VALUE` are merged by KEY, lists of mappings by `name` or `key`; others are joined without repeating what is there twice.
    """
    if isinstance(under, dict) and isinstance(over, dict):
        both = {name: merge(under[name], over[name], key=name) for name in under if name in over}
        return {**under, **over, **both}
    if isinstance(under, list) and isinstance(over, list) and key not in _REPLACED:
        replaced = {_identity(item, key) for item in over}
        kept = [item for item in under if _identity(item, key) not in replaced]
        return [*kept, *over]
    return under if over is None else over


def _identity(item: Any, key: str) -> str:
    if key == "env_vars" and isinstance(item, str):
        return item.partition("=")[0]
    if isinstance(item, dict):
        for name in _IDENTITIES:
            if name in item:
                return f"{name}={item[name]!r}"
    return repr(item)
