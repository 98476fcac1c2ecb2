"""Mail is stored sealed, sent once through a mail server, tried again, and given up after a day."""

import base64
import datetime

import pytest
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone

from tenants.accounts import outbox
from tenants.accounts.mail_server import MailServer
from tenants.accounts.models import OutgoingMail
from tests.accounts.browsers import new_email
from tests.accounts.mail_server import mail_server


@pytest.fixture(autouse=True)
def nothing_waits():
    OutgoingMail.objects.all().delete()


@pytest.fixture
def server(settings_of):
    with mail_server() as started:
        settings_of(EMAIL_URL=started.url, DEFAULT_FROM_EMAIL="Daggerboard <noreply@daggerboard.example>")
        yield started


def write_to(email, text="Grüße,\n.\nthe secret is s3cret"):
    send_mail("Hello", text, None, [email])


def test_mail_arrives_as_it_was_written(server):
    email = new_email()

    write_to(email)
    assert outbox.send_due() == 1

    (mail,) = server.mails
    assert (mail["To"], mail["From"], mail["Subject"]) == (email, "Daggerboard <noreply@daggerboard.example>", "Hello")
    assert mail.get_content().splitlines() == ["Grüße,", ".", "the secret is s3cret"]
    assert not OutgoingMail.objects.exists()
    assert outbox.send_due() == 0


def test_text_is_sealed_while_it_waits():
    write_to(new_email())

    assert b"s3cret" not in bytes(OutgoingMail.objects.get().sealed)


def test_mail_of_a_transaction_that_failed_is_never_sent(server):
    with transaction.atomic():
        write_to(new_email())
        transaction.set_rollback(True)

    assert outbox.send_due() == 0


def test_storing_wakes_a_worker(woken):
    write_to(new_email())

    assert woken("core.send_mail") == [{}]


def test_name_and_password_are_used(server, settings_of):
    settings_of(EMAIL_URL=server.url.replace("smtp://", "smtp://post:p%40ss@"))

    write_to(new_email())
    outbox.send_due()

    assert [base64.b64decode(login) for login in server.logins] == [b"\0post\0p@ss"]


def test_refused_mail_is_tried_again_later_and_then_given_up(server):
    server.refuses = "451 later"
    write_to(new_email())
    before = timezone.now()

    assert outbox.send_due() == 0
    row = OutgoingMail.objects.get()
    assert row.attempts == 1
    assert row.due_at > before + datetime.timedelta(seconds=50)
    server.refuses = None
    assert outbox.send_due() == 0
    OutgoingMail.objects.update(due_at=timezone.now())
    assert outbox.send_due() == 1


def test_mail_is_given_up_in_the_end(server):
    server.refuses = "550 no such box"
    write_to(new_email())

    for _ in range(8):
        OutgoingMail.objects.update(due_at=timezone.now())
        outbox.send_due()

    assert not OutgoingMail.objects.exists()
    assert server.mails == []


def test_server_that_is_away_loses_nothing(settings_of):
    with mail_server() as gone:
        url = gone.url
    settings_of(EMAIL_URL=url)
    write_to(new_email())

    assert outbox.send_due() == 0
    assert OutgoingMail.objects.get().attempts == 1


def test_without_a_server_mails_go_to_the_log(settings_of, caplog):
    settings_of(EMAIL_URL=None)
    write_to(new_email(), "read me in the log")

    outbox.send_due()

    assert "read me in the log" in caplog.text


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("smtp://mail.example", "mail.example", 587, "starttls"),
        ("smtp://mail.example?tls=on", "mail.example", 465, "on"),
        ("smtp://u:p@mail.example:2525?tls=off", "mail.example", 2525, "off"),
    ],
)
def test_address_of_a_server_is_understood(url, host, port, tls):
    server = MailServer.parse(url)

    assert (server.host, server.port, server.tls) == (host, port, tls)


@pytest.mark.parametrize("url", ["mail.example", "http://mail.example", "smtp://", "smtp://mail.example?tls=maybe"])
def test_address_of_no_server_is_refused(url):
    with pytest.raises(ValueError, match="smtp://user:password@host"):
        MailServer.parse(url)
