"""What a command refuses or fails at. Exit codes: 1 it failed, 2 wrong words, 3 not signed in, 4 no such thing, 130 interrupted."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_SIGNED_IN = 3
    NOT_FOUND = 4
    INTERRUPTED = 130


class CommandError(Exception):
    """A command cannot do what it was asked; the message is one clear line."""

    def __init__(self, message: str, *, exit_code: ExitCode = ExitCode.FAILED) -> None:
        self.exit_code = exit_code
        super().__init__(message)
