"""The storages without an agent: whoever holds the control plane's answers gives them here, in the same process."""

from collections.abc import Callable
from typing import Any

from daggerboard_worker import connection
from daggerboard_worker.unsupported import refuse

# (method, arguments) -> answer: one row of the table "Reads" in docs/code-worker.md.
Read = Callable[[str, dict[str, Any]], Any]


class InProcess:
    """In the place of an AgentConnection. It answers reads; whatever belongs to a run is refused by name."""

    def __init__(self, subject: str, read: Read) -> None:
        self.subject = subject
        self._read = read

    def ask(self, op: str, args: Any = None) -> Any:
        if op != "read":
            refuse(f"{op} outside of a run")
        return self._read(args["method"], args["args"])

    def post(self, op: str, args: object) -> None:
        refuse(f"{op} outside of a run")

    def flush(self) -> None:
        """Nothing is ever on its way."""

    def close(self) -> None:
        """There is no socket."""


def answer(subject: str, read: Read) -> None:
    """From now on, storages of this process with this subject are answered by `read`."""
    connection.use(InProcess(subject, read))
