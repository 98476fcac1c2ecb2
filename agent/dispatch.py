"""From commands to what they set in motion, each exactly once: durable first, then remembered, then accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent import log
from agent.disk import is_full
from agent.executors import CodeNotLoadedError
from agent.protocol import AttemptRef, Call, Cancel, Command, Launch, Reload

if TYPE_CHECKING:
    from agent.attempts import Attempts
    from agent.calls import Calls
    from agent.commands import CommandLog
    from agent.locations import Locations


class Dispatcher:
    """Takes what a poll brought."""

    def __init__(self, *, commands: CommandLog, attempts: Attempts, calls: Calls, locations: Locations) -> None:
        self._commands = commands
        self._attempts = attempts
        self._calls = calls
        self._locations = locations

    def take(self, commands: list[Command], *, renewed_at: float, draining: bool) -> list[str]:
        """Answer the ids that are durable now, also of commands that were taken before.

        Work that arrives while draining is left: the control plane gives it to somebody else.
        """
        if draining:
            commands = [command for command in commands if isinstance(command, Cancel)]
        begun = [command for command in commands if self._begun(command, renewed_at=renewed_at)]
        # A call is asked again after a power cut, so it need not wait for the disk.
        synced = not all(isinstance(command, Call) for command in begun)
        self._commands.add([command.command_id for command in begun], synced=synced)
        return [command.command_id for command in begun if self._commands.durable(command.command_id)]

    def _begun(self, command: Command, *, renewed_at: float) -> bool:
        """Begin a command that is new; False when the disk has no room for it: then it is delivered again."""
        if command.command_id in self._commands:
            return True
        try:
            self._begin(command, renewed_at=renewed_at)
        except ValueError as error:
            log.error("command.refused", command=command.command_id, error=str(error))
        except OSError as error:
            if not is_full(error):
                raise
            log.error("command.not_taken", command=command.command_id, error=str(error))
            return False
        return True

    def _begin(self, command: Command, *, renewed_at: float) -> None:
        match command:
            case Launch():
                self._launch(command, renewed_at=renewed_at)
            case Cancel():
                self._cancel(command)
            case Call():
                self._calls.accept(command)
            case Reload():
                self._calls.start(self._reload(command))

    def _launch(self, launch: Launch, *, renewed_at: float) -> None:
        """Start an attempt unless it was started before, be it by another command."""
        marker = f"attempt:{launch.spec.run_id}/{launch.spec.attempt}/{launch.spec.epoch}"
        if marker in self._commands:
            return
        self._attempts.accept(launch, renewed_at=renewed_at)
        # On disk with the command itself; until then the attempt's own folder says that it was begun.
        self._commands.remember(marker)

    def _cancel(self, cancel: Cancel) -> None:
        ref = AttemptRef(run_id=cancel.run_id, attempt=cancel.attempt, epoch=cancel.epoch)
        self._attempts.cancel(ref, grace=cancel.grace)

    async def _reload(self, command: Reload) -> None:
        try:
            location = await self._locations.reload(command.version_id)
        except CodeNotLoadedError as failure:
            await self._calls.post(command.command_id, error=failure.as_error_info())
        else:
            result = {
                "mode": location.worker.mode if location.worker else None,
                "load_seconds": location.facts.get("load_seconds"),
            }
            await self._calls.post(command.command_id, result=result)
