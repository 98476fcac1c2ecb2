"""Streams carry the audit log to real receivers: in order, at least once, through failures, and nowhere that addresses may not lead."""

import hashlib
import hmac
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network

import boto3
import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone
from moto.server import ThreadedMotoServer

from controlplane.audit_log import delivery
from controlplane.audit_log.models import AuditStream
from controlplane.audit_log.receivers import Webhook
from controlplane.audit_log.services import create_stream, delete_stream, send_test, set_paused
from controlplane.audit_log.syslog import Syslog, message
from controlplane.core.threads import with_connections_returned
from controlplane.embedded.ports import free_port
from tenants.access import SYSTEM
from tenants.audit.models import AuditEvent
from tenants.audit.selectors import last_number
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError, InvalidError
from tenants.outbound_rules import OutboundError
from tenants.scoping import org_scope
from tests.audit_log.receivers import syslog, webhook
from tests.tenants.audit.database import superuser
from tests.tenants.certificates import certified
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def loopback_is_named():
    with override_settings(OUTBOUND_ALLOWED_NETWORKS=[ip_network("127.0.0.0/8")]):
        yield


def add(cast, count=1):
    for number in range(count):
        record(org_id=cast.org_id, actor=SYSTEM, action="team.create", target=AuditTarget("team", str(number), "Döta"))


def make(cast, kind, *, from_beginning=True, name="archive", **setup):
    return create_stream(
        org_id=cast.org_id, name=name, kind=kind, setup=setup, from_beginning=from_beginning, actor=cast.actor
    )


def deliver(stream):
    return delivery.deliver_stream(stream.org_id, stream.id)


def again(stream):
    """Deliver once more without waiting for the pause after a failure."""
    with org_scope(stream.org_id), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_stream SET next_attempt_at = now() WHERE id = %s", [stream.id])
    return deliver(stream)


def now(stream):
    with org_scope(stream.org_id):
        return AuditStream.objects.for_org(stream.org_id).get(id=stream.id)


def everything(cast):
    return list(range(1, last_number(cast.org_id) + 1))


# ---- webhook


def test_webhook_gets_every_event_in_order_and_signed(cast):
    add(cast, delivery.BATCH + 3)
    with webhook() as hook:
        made = make(cast, "webhook", url=hook.url, authorization="Splunk abc")
        delivered = deliver(made.stream)

    assert hook.numbers == everything(cast)
    assert (delivered.events, delivered.problem) == (len(hook.numbers), "")
    for body, headers in zip(hook.bodies, hook.headers, strict=True):
        at, mark = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", headers["Daggerboard-Signature"]).groups()
        wanted = hmac.new(made.signing_secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        assert (mark, headers["Authorization"]) == (wanted, "Splunk abc")
    assert json.loads(hook.bodies[0])["organization"] == cast.org.slug


def test_failing_receiver_is_tried_again_and_nothing_is_lost(cast):
    add(cast, 3)
    with webhook() as hook:
        hook.status = 503
        stream = make(cast, "webhook", url=hook.url).stream
        assert deliver(stream).problem == "It answered with HTTP status 503."
        failed = now(stream)
        # It waits: a sweep at once tries nothing.
        assert deliver(stream).events == 0
        assert hook.refused == 1
        add(cast, 2)
        hook.status = 200
        again(stream)

    healed = now(stream)
    assert (failed.failures, failed.position, failed.last_error) == (1, 0, "It answered with HTTP status 503.")
    assert failed.failing_since is not None
    assert hook.numbers == everything(cast)
    assert (healed.failures, healed.failing_since, healed.last_error) == (0, None, "")


def test_answer_that_got_lost_is_delivered_again(cast):
    add(cast)
    with webhook() as hook:
        hook.status, hook.take_and_fail = 500, True
        stream = make(cast, "webhook", url=hook.url).stream
        deliver(stream)
        hook.status = 200
        again(stream)

    assert hook.numbers == everything(cast) * 2


def test_pauses_grow_and_end_at_a_quarter_of_an_hour(cast):
    stream = make(cast, "webhook", url=f"http://127.0.0.1:{free_port()}/").stream
    # A pause begins between two moments, and is as long as to its end from the one at least and from the other at most.
    shortest, longest = [], []
    for _ in range(10):
        before = timezone.now()
        again(stream)
        ends = now(stream).next_attempt_at
        longest.append((ends - before).total_seconds())
        shortest.append((ends - timezone.now()).total_seconds())

    assert (longest[0] > 3, shortest[0] < 6.3) == (True, True)
    assert (longest[-1] > 600, shortest[-1] < 1130) == (True, True)
    assert "does not accept connections" in now(stream).last_error


def test_two_deliveries_at_once_send_nothing_twice(cast):
    add(cast, 50)
    with webhook() as hook:
        stream = make(cast, "webhook", url=hook.url).stream
        start = threading.Barrier(4)

        def work():
            start.wait()
            deliver(stream)

        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(with_connections_returned, work) for _ in range(4)]:
                done.result(60)

    assert hook.numbers == everything(cast)


def test_paused_stream_rests_and_goes_on_where_it_stopped(cast):
    with webhook() as hook:
        stream = make(cast, "webhook", url=hook.url).stream
        set_paused(org_id=cast.org_id, stream_id=stream.id, paused=True, actor=cast.actor)
        assert deliver(stream).events == 0
        set_paused(org_id=cast.org_id, stream_id=stream.id, paused=False, actor=cast.actor)
        deliver(stream)

    assert hook.numbers == everything(cast)


def test_stream_can_begin_now(cast):
    add(cast, 5)
    with webhook() as hook:
        stream = make(cast, "webhook", url=hook.url, from_beginning=False).stream
        deliver(stream)

    # Setting it up is the first event that it carries.
    assert hook.numbers == [last_number(cast.org_id)]


def test_event_that_was_taken_out_by_force_does_not_stop_the_rest(cast):
    add(cast, 3)
    with org_scope(cast.org_id):
        victim = AuditEvent.objects.for_org(cast.org_id).order_by("-id")[1]
    with superuser() as db:
        db.execute("DELETE FROM audit_event WHERE id = %s", [victim.id])
    with webhook() as hook:
        deliver(make(cast, "webhook", url=hook.url).stream)

    assert len(hook.numbers) == last_number(cast.org_id) - 1


def test_sweep_finds_streams_that_are_behind_and_no_others(cast):
    with webhook() as hook:
        behind = make(cast, "webhook", url=hook.url, name="behind").stream
        done = make(cast, "webhook", url=hook.url, name="done").stream
        resting = make(cast, "webhook", url=hook.url, name="resting").stream
        set_paused(org_id=cast.org_id, stream_id=resting.id, paused=True, actor=cast.actor)
        deliver(done)

    found = delivery.due_streams()
    assert [(cast.org_id, known) in found for known in (behind.id, done.id, resting.id)] == [True, False, False]


# ---- addresses


@override_settings(OUTBOUND_ALLOWED_NETWORKS=[])
def test_stream_does_not_lead_inside(cast):
    with webhook() as hook, syslog() as server:
        hooked = make(cast, "webhook", url=hook.url, name="a").stream
        logged = make(cast, "syslog", host="127.0.0.1", port=server.port, transport="tcp", name="b").stream
        problems = [deliver(stream).problem for stream in (hooked, logged)]

    assert [("not reached from here" in problem) for problem in problems] == [True, True]
    assert (hook.bodies, server.messages) == ([], [])


# ---- S3


@pytest.fixture(scope="module")
def s3():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


def test_bucket_gets_objects_of_json_lines(cast, s3):
    client = boto3.client(
        "s3", endpoint_url=s3, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    client.create_bucket(Bucket="acme-audit")
    add(cast, 3)
    setup = {"bucket": "acme-audit", "prefix": "audit/eu", "region": "us-east-1", "endpoint_url": s3}
    stream = make(cast, "s3", **setup, access_key_id="test", secret_access_key="test").stream
    deliver(stream)
    add(cast, 2)
    deliver(stream)

    keys = [
        found["Key"]
        for found in client.list_objects_v2(Bucket="acme-audit", Prefix=f"audit/eu/{cast.org.slug}/")["Contents"]
    ]
    lines = [
        json.loads(line)
        for key in sorted(keys)
        for line in client.get_object(Bucket="acme-audit", Key=key)["Body"].read().splitlines()
    ]
    assert len(keys) == 2
    assert re.fullmatch(r"audit/eu/acme-\w+/\d{4}/\d\d/\d\d/000000000001\.jsonl", min(keys))
    assert [line["number"] for line in lines] == everything(cast)


def test_bucket_that_is_missing_says_so(cast, s3):
    setup = {"bucket": "nobodys", "region": "us-east-1", "endpoint_url": s3}
    stream = make(cast, "s3", **setup, access_key_id="test", secret_access_key="test").stream

    assert deliver(stream).problem == "It answered with HTTP status 404."


# ---- syslog


@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
def test_syslog_gets_messages_of_rfc_5424(cast, udp):
    add(cast, 3)
    with syslog(udp=udp) as server:
        stream = make(cast, "syslog", host="127.0.0.1", port=server.port, transport="udp" if udp else "tcp").stream
        deliver(stream)
        eventually(lambda: len(server.messages), lambda count: count >= last_number(cast.org_id))

    assert server.numbers == everything(cast)
    pattern = (
        r"<109>1 \d{4}-\d\d-\d\dT[\d:.]+\+00:00 testserver daggerboard - team\.create "
        rf'\[audit@32473 organization="{cast.org.slug}" number="\d+"\] \ufeff\{{.*"target":"Döta".*\}}'
    )
    assert re.fullmatch(pattern, next(text for text in server.messages if "team.create" in text))


def test_syslog_over_tls_wants_a_certificate_that_is_trusted(cast, tmp_path):
    server_tls, _client = certified("logs.example", tmp_path)
    with syslog(tls=server_tls) as server:
        stream = make(cast, "syslog", host="127.0.0.1", port=server.port).stream
        problem = deliver(stream).problem

    assert "its certificate is not trusted" in problem
    assert server.messages == []


def test_syslog_server_that_comes_back_gets_what_it_missed(cast):
    add(cast, 2)
    port = free_port()
    stream = make(cast, "syslog", host="127.0.0.1", port=port, transport="tcp").stream
    assert "does not accept connections" in deliver(stream).problem
    with syslog(port=port) as server:
        again(stream)
        eventually(lambda: len(server.messages), lambda count: count >= last_number(cast.org_id))

    assert server.numbers == everything(cast)


def test_syslog_fields_cannot_be_broken_out_of():
    event = {"number": 1, "at": "2026-11-21T00:00:00+00:00", "result": "refused", "action": 'a b"]\n<1>', "x": "\n"}
    head, _bom, text = message(event, organization="acme").partition(b"\xef\xbb\xbf")

    assert head == (
        b'<108>1 2026-11-21T00:00:00+00:00 testserver daggerboard - a_b"]_<1> [audit@32473 organization="acme" number="1"] '
    )
    assert b"\n" not in text


# ---- setting up


def test_secrets_are_sealed_and_in_no_log(cast):
    with webhook() as hook:
        made = make(cast, "webhook", url=hook.url, authorization="Bearer sekrit-value")

    with org_scope(cast.org_id):
        events = [json.dumps([e.before, e.after]) for e in AuditEvent.objects.for_org(cast.org_id)]
    stored = bytes(now(made.stream).sealed_secrets)
    assert not any(secret in text for text in events for secret in ("sekrit", made.signing_secret))
    assert b"sekrit" not in stored
    assert made.signing_secret.encode() not in stored


def test_what_is_done_to_streams_is_in_the_log(cast):
    with webhook() as hook:
        stream = make(cast, "webhook", url=hook.url).stream
        set_paused(org_id=cast.org_id, stream_id=stream.id, paused=True, actor=cast.actor)
        set_paused(org_id=cast.org_id, stream_id=stream.id, paused=False, actor=cast.actor)
        assert send_test(org=cast.org, stream_id=stream.id, actor=cast.actor) == ""
        hook.status = 400
        assert send_test(org=cast.org, stream_id=stream.id, actor=cast.actor) == "It answered with HTTP status 400."
        delete_stream(org_id=cast.org_id, stream_id=stream.id, actor=cast.actor)

    with org_scope(cast.org_id):
        rows = AuditEvent.objects.for_org(cast.org_id).filter(target_kind="audit_stream").order_by("id")
        found = [(row.action.partition(".")[2], row.result) for row in rows]
    assert found == [
        ("create", "success"),
        ("pause", "success"),
        ("resume", "success"),
        ("test", "success"),
        ("test", "failure"),
        ("delete", "success"),
    ]
    assert hook.numbers == [0]


@pytest.mark.parametrize(
    ("kind", "setup", "attr"),
    [
        ("pigeon", {}, "kind"),
        ("webhook", {"url": "file:///etc/passwd"}, "url"),
        ("webhook", {"url": "https://u:p@example.com/"}, "url"),
        ("webhook", {"url": "https://example.com/", "authorization": "x\r\nHost: y"}, "authorization"),
        ("s3", {"bucket": "UP", "region": "eu-central-1"}, "bucket"),
        ("s3", {"bucket": "acme-audit", "region": "x"}, "region"),
        ("s3", {"bucket": "acme-audit", "region": "eu-central-1", "prefix": "a/../b"}, "prefix"),
        ("s3", {"bucket": "acme-audit", "region": "eu-central-1"}, "access_key_id"),
        ("s3", {"bucket": "acme-audit", "region": "eu-central-1", "endpoint_url": "ftp://x"}, "endpoint_url"),
        ("syslog", {"host": ""}, "host"),
        ("syslog", {"host": "a b"}, "host"),
        ("syslog", {"host": "logs.example.com", "port": "0"}, "port"),
        ("syslog", {"host": "logs.example.com", "transport": "relp"}, "transport"),
    ],
)
def test_setup_that_makes_no_sense_is_named(cast, kind, setup, attr):
    with pytest.raises(InvalidError) as refusal:
        make(cast, kind, **setup)

    assert refusal.value.attr == attr


def test_names_are_taken_once_and_streams_are_few(cast):
    for number in range(10):
        make(cast, "syslog", host="logs.example.com", name=f"s{number}")

    with pytest.raises(ConflictError, match="10 streams"):
        make(cast, "syslog", host="logs.example.com", name="one more")


def test_receivers_do_not_print_their_secrets():
    assert "sekrit" not in repr(Webhook("https://x.example", "acme", "sekrit", "sekrit"))
    assert "logs.example.com" in repr(Syslog("logs.example.com", 6514, "tls", "acme"))


def test_closed_receiver_is_an_error_and_not_a_crash():
    with pytest.raises(OutboundError):
        Syslog("127.0.0.1", free_port(), "tcp", "acme").take(
            [{"number": 1, "at": "x", "result": "success", "action": "a"}]
        )
