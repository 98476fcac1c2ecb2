"""Checks everything a connection needs, in the order in which it would fail, one specific message each."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import stat
import time
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import httpx

from agent.agent_token import Token
from agent.config import Config, ConfigError, tls
from agent.data_socket import socket_path
from agent.files import private_folder
from agent.protocol import PROTOCOL_VERSION
from agent.retry import BOOTSTRAP_ONLY, describe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TIMEOUT = 10.0
# Seconds. Nothing depends on clocks, but people compare times.
SKEW = 5.0


class Finding(NamedTuple):
    """One check."""

    check: str
    ok: bool
    message: str


async def diagnose(config: Config) -> list[Finding]:
    """Run the checks; a failed one ends the row that depends on it."""
    findings = [_home(config), _disk(config), _token(config)]
    for check in _network_checks(config):
        findings.append(await check())
        if not findings[-1].ok:
            break
    return findings


def _network_checks(config: Config) -> list[Callable[[], Awaitable[Finding]]]:
    checks: list[Callable[[], Awaitable[Finding]]] = []
    if config.proxy:
        checks.append(lambda: _reach("proxy", config.proxy or ""))
    else:
        checks.append(lambda: _reach("address", config.url))
        if urlsplit(config.url).scheme == "https":
            checks.append(lambda: _tls(config))
    return [*checks, lambda: _control_plane(config)]


def _home(config: Config) -> Finding:
    folder = config.home_folder
    try:
        private_folder(folder)
        probe = folder / ".doctor"
        probe.write_bytes(b"x")
        probe.unlink()
        path = socket_path(folder)
    except OSError as error:
        return Finding("home", False, f"{folder} cannot be written: {error}. Give a folder that the agent's user owns.")
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o077:
        return Finding(
            "home", False, f"{folder} is open to other users (mode {mode:o}); it will hold secrets: chmod 700 {folder}"
        )
    return Finding("home", True, f"{folder}, socket {path}")


def _disk(config: Config) -> Finding:
    free = shutil.disk_usage(config.home_folder if config.home_folder.exists() else "/").free // 2**20
    if free < config.disk_reserve_mb:
        return Finding(
            "disk",
            False,
            f"only {free} MB free, below disk_reserve_mb={config.disk_reserve_mb}: no runs would be taken.",
        )
    return Finding("disk", True, f"{free} MB free")


def _token(config: Config) -> Finding:
    try:
        Token(config)
    except ConfigError as error:
        return Finding("token", False, str(error))
    return Finding("token", True, "present")


async def _reach(check: str, url: str) -> Finding:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(TIMEOUT):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError) as error:
        return Finding(
            check, False, f"the name {host} cannot be resolved: {describe(error)}. Check the DNS of this machine."
        )
    address = found[0][4][0]
    try:
        async with asyncio.timeout(TIMEOUT):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
    except (OSError, TimeoutError) as error:
        hint = "Is it the right port, and is a firewall or proxy (HTTPS_PROXY) between?"
        return Finding(check, False, f"{host} ({address}) does not answer on port {port}: {describe(error)}. {hint}")
    return Finding(check, True, f"{host} is {address}, port {port} answers")


async def _tls(config: Config) -> Finding:
    parts = urlsplit(config.url)
    try:
        context = tls(config)
        async with asyncio.timeout(TIMEOUT):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=context)
            writer.close()
    except ConfigError as error:
        return Finding("tls", False, str(error))
    except ssl.SSLCertVerificationError as error:
        hint = "If your network or control plane uses its own authority, give its certificates with --ca-file."
        return Finding("tls", False, f"the certificate is not trusted: {error.verify_message}. {hint}")
    except (OSError, TimeoutError) as error:
        return Finding("tls", False, f"no TLS connection: {describe(error)}. Does the port speak https?")
    return Finding("tls", True, "the certificate is trusted")


async def _control_plane(config: Config) -> Finding:
    """Ask something that changes nothing, with the token."""
    headers = {"Authorization": f"Bearer {Token(config)()}", "Daggerboard-Protocol": PROTOCOL_VERSION}
    try:
        async with httpx.AsyncClient(proxy=config.proxy, verify=tls(config), trust_env=False, timeout=TIMEOUT) as http:
            url = config.url.rstrip("/") + "/agent/v1/definitions/missing"
            response = await http.post(url, json={"sha256s": []}, headers=headers)
    except httpx.HTTPError as error:
        return Finding("control plane", False, f"no answer: {describe(error)}")
    return _judge(response)


def _is_for_registering(response: httpx.Response) -> bool:
    """Say whether the token is known and good for registering alone: nothing is wrong with that."""
    try:
        return bool(response.json()["errors"][0]["code"] == BOOTSTRAP_ONLY)
    except (ValueError, LookupError, TypeError):
        return False


def _judge(response: httpx.Response) -> Finding:
    match response.status_code:
        case HTTPStatus.OK:
            return _clock(response)
        case HTTPStatus.UNAUTHORIZED if _is_for_registering(response):
            return _clock(response)
        case HTTPStatus.UNAUTHORIZED:
            message = "the token is unknown or revoked. Make a new one on the page Agents."
        case HTTPStatus.UPGRADE_REQUIRED:
            message = f"this agent speaks protocol {PROTOCOL_VERSION}, which is too old. Upgrade daggerboard-agent."
        case HTTPStatus.NOT_FOUND:
            message = "something answers, but it is no Daggerboard control plane. Check the url, and its path."
        case HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            message = "the proxy wants a user name and password: HTTPS_PROXY=http://user:password@proxy:port"
        case status:
            message = f"answered with HTTP {status}"
    return Finding("control plane", False, message)


def _clock(response: httpx.Response) -> Finding:
    try:
        skew = time.time() - parsedate_to_datetime(response.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return Finding("control plane", True, "answers, and knows the token")
    if abs(skew) > SKEW:
        side = "ahead of" if skew > 0 else "behind"
        message = f"answers, and knows the token; but this clock is {abs(skew):.0f} s {side} the control plane's, so times look odd"
        return Finding("control plane", True, message)
    return Finding("control plane", True, "answers, knows the token, and the clocks agree")
