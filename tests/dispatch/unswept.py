"""The control plane without the sweep behind its wake-ups: what wakes a held poll here is a wake-up. For `running_server`."""

from controlplane.config.asgi import application
from controlplane.dispatch import lost_wakeups

lost_wakeups.SWEEP_SECONDS = 3600.0

__all__ = ["application"]
