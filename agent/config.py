"""The agent's settings: flags, then environment, then a TOML file, then defaults. Nothing else of the agent reads the environment."""

from __future__ import annotations

import os
import socket
import ssl
import tomllib
import urllib.request
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

# Everything with this prefix is ours and never reaches user code.
ENV_PREFIX = "DAGGERBOARD_"
AGENT_PREFIX = "DAGGERBOARD_AGENT_"
# Dagster+'s names for the place of code; an agent that runs in such a place itself must not hand its own on.
_SAYS_WHERE = (
    "DAGSTER_CLOUD_DEPLOYMENT_NAME",
    "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT",
    "DAGSTER_CLOUD_LOCATION_NAME",
    "DAGSTER_LOCATION_NAME",
    "DAGSTER_CLOUD_GIT_",
    "DAGSTER_CLOUD_RAW_GIT_URL",
    "DAGSTER_CLOUD_PULL_REQUEST_",
)
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
    calls_at_once: int = _setting(
        0, "ticks and other short questions to user code at the same time; 0: four for each core of the machine"
    )
    ca_file: str = _setting("", "PEM file with certificates to trust beside the system's")
    log_format: str = _setting("text", "text or json")
    log_level: str = _setting("info", "debug, info, warning or error")
    load_timeout: float = _setting(600.0, "seconds in which a code location must have loaded")
    worker_patience: float = _setting(
        60.0,
        "seconds that code workers wait for this agent to come back, to be taken over as they are; 0: they end with it",
    )
    start_watchdog: float = _setting(10.0, "seconds in which a forked run must have sent its first event")
    log_spool_mb: int = _setting(
        1024, "megabytes of output that may wait for the control plane before the oldest is dropped"
    )
    disk_reserve_mb: int = _setting(256, "no new runs while the disk of `home` has less room than this")
    build_timeout: float = _setting(900.0, "seconds in which uv must have made the virtualenv of a source archive")
    source_cache_mb: int = _setting(
        10_240, "megabytes of unpacked archives and virtualenvs to keep; what is in use stays in any case"
    )
    source_unpacked_mb: int = _setting(2048, "megabytes that a source archive may unpack to")
    worker_path: str = _setting(
        "", "folder with the package daggerboard_worker; default: the one that came with the agent"
    )
    inherit: str = _setting("*", "comma separated names (* and ? allowed) of the agent's variables that user code sees")
    secret_ttl: float = _setting(300.0, "seconds after which a referenced secret is looked up again")
    vault_url: str = _setting("", "address of Vault, for references to its secrets")
    vault_namespace: str = _setting("", "namespace in Vault, where it has them")
    vault_token_file: str = _setting("", "file with a Vault token; read again each time")
    vault_role: str = _setting("", "role of Vault's Kubernetes login, in place of a token")
    vault_auth_mount: str = _setting("kubernetes", "where that login is mounted in Vault")
    kubernetes_url: str = _setting("", "address of the Kubernetes API; default: the one of the agent's pod")
    kubernetes_credentials: str = _setting(
        "/var/run/secrets/kubernetes.io/serviceaccount",
        "folder with token, namespace and ca.crt of the agent's service account",
    )
    aws_endpoint_url: str = _setting("", "address of AWS Secrets Manager; default: the region's own")
    # Not settings: taken from the process.
    proxy: str | None = None
    inherited_env: Mapping[str, str] = field(default_factory=dict, repr=False)
    # All of the process' variables but our own; what of it programs of ours get, they say.
    process_env: Mapping[str, str] = field(default_factory=dict, repr=False)

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
    )
    config = replace(
        config,
        inherited_env=_inherited(env, config.inherit),
        process_env={name: value for name, value in env.items() if not name.startswith(ENV_PREFIX)},
        kubernetes_url=config.kubernetes_url or _kubernetes_url(env),
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


def _inherited(env: Mapping[str, str], patterns: str) -> dict[str, str]:
    """Answer what user code may see of our environment: nothing of ours, and nothing that says where code runs, for we say that."""
    wanted = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()]
    return {
        name: value
        for name, value in env.items()
        if not name.startswith((ENV_PREFIX, *_SAYS_WHERE)) and any(fnmatchcase(name, pattern) for pattern in wanted)
    }


def _kubernetes_url(env: Mapping[str, str]) -> str:
    host, port = env.get("KUBERNETES_SERVICE_HOST", ""), env.get("KUBERNETES_SERVICE_PORT_HTTPS", "443")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}" if host else ""


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
    if config.calls_at_once < 0:
        raise ConfigError("calls_at_once must be at least 1, or 0 for four for each core.")
    if config.log_format not in {"text", "json"}:
        raise ConfigError("log_format must be text or json.")
