"""The agent's token: read from its file again when that changes, so that a token can be replaced without a restart."""

from __future__ import annotations

from pathlib import Path

from agent.config import Config, ConfigError


class Token:
    """Callable, so that it never sits in something that might be printed."""

    def __init__(self, config: Config) -> None:
        self._path = Path(config.token_file).expanduser() if config.token_file else None
        self._value = config.token
        self._modified_at = 0.0
        self()
        if not self._value:
            raise ConfigError(f"The token file {self._path} is empty.")

    def __call__(self) -> str:
        if self._path is not None:
            self._read_if_changed(self._path)
        return self._value

    def __repr__(self) -> str:
        return "Token(***)"

    def _read_if_changed(self, path: Path) -> None:
        try:
            modified_at = path.stat().st_mtime
            # An empty file is one that is being written: the token may follow within the same tick of the file system's clock.
            if modified_at != self._modified_at and (value := path.read_text().strip()):
                self._value = value
                self._modified_at = modified_at
        except OSError as error:
            # A file that is being replaced is missing for a moment; the first read must succeed.
            if not self._value:
                raise ConfigError(f"The token file {path} cannot be read: {error}") from error
