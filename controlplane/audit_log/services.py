"""What people do with streams: set up, pause, test, delete. Each is in the audit log itself."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from controlplane.audit_log.models import AuditStream, StreamKind
from controlplane.audit_log.receivers import receiver
from controlplane.audit_log.setups import read_setup
from controlplane.core.background import enqueue
from tenants.access import Actor, Org
from tenants.audit.selectors import last_number
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tenants.ids import uuid7
from tenants.outbound_rules import OutboundError
from tenants.scoping import org_scope
from tenants.sealing import open_sealed, seal

# More receivers than anybody has; each costs work for every event.
_STREAMS_MAX = 10
_PURPOSE = "audit_stream"


@dataclass(frozen=True)
class NewStream:
    """A stream that was set up. `signing_secret` is for a webhook's receiver; it is shown once."""

    stream: AuditStream
    signing_secret: str | None


def create_stream(
    *, org_id: UUID, name: str, kind: str, setup: Mapping[str, Any], from_beginning: bool, actor: Actor
) -> NewStream:
    """Send the audit log somewhere: from its first event on, or from now on."""
    name = name.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise InvalidError("The name of a stream is 1 to 100 printable characters.", attr="name")
    checked, stream_id = read_setup(kind, setup), uuid7()
    with org_scope(org_id):
        if AuditStream.objects.for_org(org_id).count() >= _STREAMS_MAX:
            raise ConflictError(f"An organization has {_STREAMS_MAX} streams at most. Delete one that is not needed.")
        try:
            with transaction.atomic():
                stream = AuditStream.objects.create_in(
                    org_id,
                    id=stream_id,
                    name=name,
                    kind=StreamKind(kind),
                    config=checked.config,
                    sealed_secrets=seal(org_id, _PURPOSE, stream_id, json.dumps(checked.secrets).encode()),
                    position=0 if from_beginning else last_number(org_id),
                    created_by=actor.label[:254],
                )
        except IntegrityError as error:
            raise ConflictError(f"There is already a stream called {name}.", attr="name") from error
        _note(stream, actor, "create", after={"kind": kind, **checked.config})
        stream.refresh_from_db()
    enqueue("audit_log.deliver_stream", org_id=org_id, stream_id=stream.id)
    return NewStream(stream, checked.shown_once)


def set_paused(*, org_id: UUID, stream_id: UUID, paused: bool, actor: Actor) -> AuditStream:
    """Stop a stream, or let it go on from where it stopped, at once."""
    with org_scope(org_id):
        stream = access_stream(org_id, stream_id, lock=True)
        if stream.is_paused != paused:
            rows = AuditStream.objects.for_org(org_id).filter(id=stream_id)
            rows.update(is_paused=paused, next_attempt_at=Now())
            _note(stream, actor, "pause" if paused else "resume")
        stream.refresh_from_db()
    enqueue("audit_log.deliver_stream", org_id=org_id, stream_id=stream_id)
    return stream


def delete_stream(*, org_id: UUID, stream_id: UUID, actor: Actor) -> None:
    """Take a stream away; what its receiver has, it keeps."""
    with org_scope(org_id):
        stream = access_stream(org_id, stream_id, lock=True)
        AuditStream.objects.for_org(org_id).filter(id=stream_id).delete()
        _note(stream, actor, "delete", before={"kind": stream.kind, **stream.config, "position": stream.position})


def send_test(*, org: Org, stream_id: UUID, actor: Actor) -> str:
    """Give the receiver one event that is marked as a test, now; returns what was wrong, empty when it took it."""
    stream = access_stream(org.id, stream_id)
    event = {
        "number": 0,
        "id": str(uuid7()),
        "at": timezone.now().isoformat(),
        "actor": actor.label,
        "actor_kind": actor.kind,
        "action": "audit_stream.test",
        "target_kind": "audit_stream",
        "target_id": str(stream.id),
        "target": stream.name,
        "result": "success",
        "test": True,
    }
    try:
        receiver_of(stream, organization=org.slug).take([event])
        problem = ""
    except OutboundError as error:
        problem = error.message
    _note(stream, actor, "test", result="failure" if problem else "success", reason=problem)
    return problem


def receiver_of(stream: AuditStream, *, organization: str) -> Any:
    """The stream's receiver, with its secrets; SealingError when they cannot be opened."""
    secrets = json.loads(open_sealed(stream.org_id, _PURPOSE, stream.id, bytes(stream.sealed_secrets)))
    return receiver(stream.kind, config=stream.config, secrets=secrets, organization=organization)


def access_stream(org_id: UUID, stream_id: UUID, *, lock: bool = False) -> AuditStream:
    """One stream; NotFoundError when there is none."""
    with org_scope(org_id):
        rows = AuditStream.objects.for_org(org_id).filter(id=stream_id)
        stream = (rows.select_for_update() if lock else rows).first()
    if stream is None:
        raise NotFoundError("There is no such audit stream.")
    return stream


def _note(stream: AuditStream, actor: Actor, verb: str, **fields: Any) -> None:
    target = AuditTarget("audit_stream", stream.id, stream.name)
    record(org_id=stream.org_id, actor=actor, action=f"audit_stream.{verb}", target=target, **fields)
