"""The three kinds of receivers: what each needs to be told, and how it is given a batch of events.

Everything goes out by the rules for addresses that users give (tenants/outbound.py). A receiver takes a batch whole or raises
OutboundError; then it gets the batch once more.
"""

import hashlib
import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from controlplane.audit_log.models import StreamKind
from controlplane.audit_log.syslog import Syslog
from tenants.outbound import Outbound
from tenants.outbound_rules import OutboundError

Document = dict[str, Any]
# A receiver that takes longer than this is not keeping up.
_CLIENT = Outbound(connect_seconds=5, read_seconds=10, total_seconds=15)


class Receiver(Protocol):
    """Takes events in their order, each a document as tenants.audit.documents writes it."""

    def take(self, events: Sequence[Document]) -> None: ...


@dataclass(frozen=True)
class Webhook:
    """POST of `{"organization", "events": […]}`, signed: `Daggerboard-Signature: t=<unix time>,v1=<HMAC-SHA256 of "<t>.<body>">`."""

    url: str
    organization: str
    signing_secret: str = field(repr=False)
    authorization: str = field(default="", repr=False)

    def take(self, events: Sequence[Document]) -> None:
        body = msgspec.json.encode({"organization": self.organization, "events": list(events)})
        headers = {
            "Content-Type": "application/json",
            "Daggerboard-Signature": signature(self.signing_secret, body, at=int(time.time())),
            # The same for the same events, delivered again.
            "Daggerboard-First": str(events[0]["number"]),
        }
        if self.authorization:
            headers["Authorization"] = self.authorization
        _expect_ok(_CLIENT.request("POST", self.url, headers=headers, body=body).status)


@dataclass(frozen=True)
class Bucket:
    """Objects of JSON lines in an S3 bucket, named by the first event in them: a batch that is delivered again takes its own place."""

    bucket: str
    prefix: str
    region: str
    endpoint_url: str | None
    organization: str
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)

    def take(self, events: Sequence[Document]) -> None:
        # Only now: no start of a process waits for boto3.
        from controlplane.core.s3_objects import presigned_put

        first = events[0]
        day = str(first["at"])[:10].replace("-", "/")
        parts = [self.prefix.strip("/"), self.organization, day, f"{first['number']:012d}.jsonl"]
        url = presigned_put(
            bucket=self.bucket,
            key="/".join(part for part in parts if part),
            region=self.region,
            endpoint_url=self.endpoint_url,
            access_key_id=self.access_key_id,
            secret_access_key=self.secret_access_key,
        )
        body = b"".join(msgspec.json.encode(event) + b"\n" for event in events)
        _expect_ok(_CLIENT.request("PUT", url, body=body).status)


def signature(secret: str, body: bytes, *, at: int) -> str:
    """The value of the header Daggerboard-Signature."""
    mark = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={mark}"


def receiver(kind: str, *, config: dict[str, Any], secrets: dict[str, str], organization: str) -> Receiver:
    """The receiver that a stream is set up for."""
    given = {**config, **secrets, "organization": organization}
    makers: dict[str, type[Any]] = {StreamKind.WEBHOOK: Webhook, StreamKind.S3: Bucket, StreamKind.SYSLOG: Syslog}
    found: Receiver = makers[kind](**given)
    return found


def _expect_ok(status: int) -> None:
    if not 200 <= status < 300:
        raise OutboundError(f"It answered with HTTP status {status}.")
