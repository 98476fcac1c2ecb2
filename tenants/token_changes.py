"""Who wants to hear at once that tokens of an organization changed. Layers above register; those that miss it look by themselves."""

from collections.abc import Callable
from uuid import UUID

# Called inside the transaction of the change, with the organization's id.
Listener = Callable[[UUID], None]
_listeners: dict[str, Listener] = {}


def register_listener(name: str, listener: Listener) -> None:
    """Hear of changes; called once, when the application starts."""
    _listeners[name] = listener


def tokens_changed(org_id: UUID) -> None:
    """Tell everybody who registered."""
    for listener in _listeners.values():
        listener(org_id)
