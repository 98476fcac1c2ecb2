"""The agent's settings: flags, then environment, then a TOML file, then defaults. Nothing else of the agent reads the environment."""

from __future__ import annotations

import os
import socket
import ssl
import tomllib
import urllib.request
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

# Everything with this prefix is ours and never reaches user code.
ENV_PREFIX = "DAGGERBOARD_"
AGENT_PREFIX = "DAGGERBOARD_AGENT_"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_HELP = "help"


class ConfigError(Exception):
    """A setting is missing or cannot be used."""


def _setting(default: Any, text: str) -> Any:
    return field(default=default, metadata={_HELP: text})


@dataclass(frozen=True, kw_only=True)
class Config:
    """What an agent can be told. Every field is a flag, a variable DAGGERBOARD_AGENT_<NAME> and a TOML key of the same name."""

    url: str = _setting("", "address of the control plane, for example https://daggerboard.example.com")
    token_file: str = _setting("", "file with the agent's token; read again when it changes")
    token: str = _setting("", "the token itself, where no file can be mounted; not available as a flag")
    name: str = _setting("", "name of this agent, stable across restarts; default: the host name")
    home: str = _setting(
        "~/.daggerboard-agent", "folder for spool and state; must survive restarts; one agent per folder"
    )
    queues: str = _setting("default", "comma separated queues to serve")
    slots: int = _setting(10, "runs at the same time")
    ca_file: str = _setting("", "PEM file with certificates to trust beside the system's")
    log_format: str = _setting("text", "text or json")
    log_level: str = _setting("info", "debug, info, warning or error")
    load_timeout: float = _setting(600.0, "seconds in which a code location must have loaded")
    start_watchdog: float = _setting(10.0, "seconds in which a forked run must have sent its first event")
    log_spool_mb: int = _setting(
        1024, "megabytes of output that may wait for the control plane before the oldest is dropped"
    )
    disk_reserve_mb: int = _setting(256, "no new runs while the disk of `home` has less room than this")
    worker_path: str = _setting(
        "", "folder with the package daggerboard_worker; default: the one that came with the agent"
    )
    # Not settings: taken from the process.
    proxy: str | None = None
    inherited_env: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def home_folder(self) -> Path:
        return Path(self.home).expanduser().absolute()

    @property
    def agent_name(self) -> str:
        return self.name or socket.gethostname()

    @property
    def queue_names(self) -> list[str]:
        return [name.strip() for name in self.queues.split(",") if name.strip()]

    def __repr__(self) -> str:
        return f"Config(url={self.url!r}, name={self.agent_name!r}, home={self.home!r})"


SETTINGS = [setting for setting in fields(Config) if _HELP in setting.metadata]


def load_config(*, flags: Mapping[str, Any], file: Path | None = None) -> Config:
    """Merge the sources; raise ConfigError about the first thing that is wrong."""
    env = dict(os.environ)
    file = file or _file_from(env)
    values = {
        **_from_file(file),
        **_from_env(env),
        **{name: value for name, value in flags.items() if value is not None},
    }
    typed = {
        setting.name: _typed(setting.name, values[setting.name], setting.default)
        for setting in SETTINGS
        if setting.name in values
    }
    config = Config(
        **typed,
        proxy=_proxy(str(typed.get("url", ""))),
        inherited_env={name: value for name, value in env.items() if not name.startswith(ENV_PREFIX)},
    )
    _check(config)
    return config


def tls(config: Config) -> ssl.SSLContext | bool:
    """Answer what to trust: the system's certificates and, if given, our own."""
    context = ssl.create_default_context()
    if config.ca_file:
        try:
            context.load_verify_locations(cafile=config.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"ca_file {config.ca_file} cannot be used: {error}. It must hold PEM certificates."
            ) from error
    return context


def _file_from(env: Mapping[str, str]) -> Path | None:
    named = env.get(AGENT_PREFIX + "CONFIG")
    return Path(named) if named else None


def _from_file(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        values = tomllib.loads(file.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"The configuration file {file} cannot be read: {error}") from error
    unknown = values.keys() - {setting.name for setting in SETTINGS}
    if unknown:
        known = ", ".join(setting.name for setting in SETTINGS)
        raise ConfigError(
            f"{file} sets {', '.join(sorted(unknown))}, which this agent does not know. It knows: {known}."
        )
    return values


def _from_env(env: Mapping[str, str]) -> dict[str, Any]:
    names = {setting.name: AGENT_PREFIX + setting.name.upper() for setting in SETTINGS}
    return {setting: env[name] for setting, name in names.items() if env.get(name)}


def _typed(name: str, value: Any, default: Any) -> Any:
    try:
        return type(default)(value)
    except (TypeError, ValueError):
        raise ConfigError(f"{name} is {value!r}, but must be a {type(default).__name__}.") from None


def _proxy(url: str) -> str | None:
    """Answer the proxy for this address by the usual variables (HTTPS_PROXY, NO_PROXY); this machine itself needs none."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in _LOOPBACK or urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def _check(config: Config) -> None:
    parts = urlsplit(config.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(
            f"url is {config.url!r}; give the address of the control plane, such as https://daggerboard.example.com."
        )
    if not config.token and not config.token_file:
        raise ConfigError(
            "No token: give token_file (or DAGGERBOARD_AGENT_TOKEN). Make one on the control plane's page Agents."
        )
    if config.slots < 1:
        raise ConfigError("slots must be at least 1.")
    if config.log_format not in {"text", "json"}:
        raise ConfigError("log_format must be text or json.")
