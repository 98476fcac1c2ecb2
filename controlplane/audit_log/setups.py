"""What a stream is told when it is set up: checked once, before it is stored."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.audit_log.models import StreamKind
from controlplane.audit_log.syslog import TRANSPORTS
from tenants.errors import InvalidError
from tenants.outbound import parsed_url
from tenants.outbound_rules import OutboundRefusedError, host_name
from tenants.tokens import new_secret

# As S3 names buckets and regions.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z0-9-]{2,30}")
_PREFIX = re.compile(r"[A-Za-z0-9!_.*'()/-]{0,200}")
_SIGNING = "whsec_"


@dataclass(frozen=True)
class Setup:
    """A stream's settings, and its secrets apart; `shown_once` is one that we made, for the receiver."""

    config: dict[str, Any]
    secrets: dict[str, str]
    shown_once: str | None = None


def read_setup(kind: str, given: Mapping[str, Any]) -> Setup:
    """Check what was given for a kind of stream; InvalidError names what makes no sense."""
    readers = {StreamKind.WEBHOOK: _webhook, StreamKind.S3: _bucket, StreamKind.SYSLOG: _syslog}
    if kind not in readers:
        raise InvalidError(f"kind is one of {', '.join(StreamKind.values)}.", attr="kind")
    text = {name: value.strip() if isinstance(value, str) else value for name, value in given.items()}
    return readers[StreamKind(kind)](text)


def _webhook(given: Mapping[str, Any]) -> Setup:
    url, authorization = given.get("url") or "", given.get("authorization") or ""
    _check_url(url, attr="url")
    if not (authorization.isascii() and authorization.isprintable() and len(authorization) <= 2000):
        raise InvalidError("The Authorization header has characters that headers cannot have.", attr="authorization")
    signing = _SIGNING + new_secret()
    return Setup({"url": url}, {"signing_secret": signing, "authorization": authorization}, shown_once=signing)


def _bucket(given: Mapping[str, Any]) -> Setup:
    texts = {name: given.get(name) or "" for name in ("bucket", "prefix", "region", "endpoint_url")}
    for name, form, example in (("bucket", _BUCKET, "acme-audit"), ("region", _REGION, "eu-central-1")):
        if not form.fullmatch(texts[name]):
            raise InvalidError(f"The {name} looks like {example}.", attr=name)
    if not _PREFIX.fullmatch(texts["prefix"]) or ".." in texts["prefix"]:
        raise InvalidError("A prefix has letters, digits and - _ . / only, 200 at most.", attr="prefix")
    if texts["endpoint_url"]:
        _check_url(texts["endpoint_url"], attr="endpoint_url")
    secrets = {name: given.get(name) or "" for name in ("access_key_id", "secret_access_key")}
    for name, value in secrets.items():
        if not value or len(value) > 200 or not value.isascii() or not value.isprintable():
            raise InvalidError(
                "Give the access key of somebody who may write to the bucket, and to nothing else.", attr=name
            )
    return Setup({**texts, "endpoint_url": texts["endpoint_url"] or None}, secrets)


def _syslog(given: Mapping[str, Any]) -> Setup:
    transport, port = given.get("transport") or "tls", given.get("port")
    if transport not in TRANSPORTS:
        raise InvalidError(f"transport is one of {', '.join(TRANSPORTS)}.", attr="transport")
    if port in {None, ""}:
        port = 6514 if transport == "tls" else 514
    if not str(port).isascii() or not str(port).isdigit() or not 1 <= int(str(port)) <= 65535:
        raise InvalidError("A port is a whole number from 1 to 65535.", attr="port")
    try:
        host = host_name(given.get("host") or "")
    except OutboundRefusedError as error:
        raise InvalidError("The host looks like logs.example.com.", attr="host") from error
    return Setup({"host": host, "port": int(str(port)), "transport": transport}, {})


def _check_url(url: str, *, attr: str) -> None:
    try:
        parsed_url(url)
    except OutboundRefusedError as error:
        raise InvalidError(error.message, attr=attr) from error
