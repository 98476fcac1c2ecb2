"""What our storages are built from. It travels with the InstanceRef, so that forked and spawned processes find the agent."""

from typing import Any

from dagster import Field, Noneable, StringSource
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from daggerboard_worker.connection import AgentConnection, connect

FIELDS = ("socket_path", "subject", "run_id", "attempt_dir")


class AgentBacked(ConfigurableClass):
    """Base of the storages: thin views of the agent's data socket."""

    def __init__(
        self,
        *,
        socket_path: str,
        subject: str,
        run_id: str | None,
        attempt_dir: str,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        self._inst_data = inst_data
        self.socket_path = socket_path
        self.subject = subject
        self.run_id = run_id
        self.attempt_dir = attempt_dir
        super().__init__()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {
            "socket_path": str,
            "subject": StringSource,
            "run_id": Field(Noneable(str), default_value=None, is_required=False),
            "attempt_dir": str,
        }

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Any:
        return cls(inst_data=inst_data, **config_value)

    @property
    def agent(self) -> AgentConnection:
        return connect(path=self.socket_path, subject=self.subject)

    def read(self, method: str, **arguments: Any) -> Any:
        """Ask the control plane: one row of the table "Reads" in docs/code-worker.md."""
        return self.agent.ask("read", {"method": method, "args": arguments})
