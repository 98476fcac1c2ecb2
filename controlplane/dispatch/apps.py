"""Leased commands, admission of runs, and the agents' endpoints."""

from django.apps import AppConfig


class DispatchConfig(AppConfig):
    name = "controlplane.dispatch"

    def ready(self) -> None:
        """Hear of changed tokens: held polls look again at once. Those that miss it look within two seconds (lost_wakeups.py)."""
        from controlplane.core.wakeups import wake
        from tenants.token_changes import register_listener

        register_listener("polls", lambda org_id: wake(f"queue:{org_id}"))
