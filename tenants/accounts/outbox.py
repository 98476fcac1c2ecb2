"""Mail on its way out: stored with its text sealed, sent by whoever claims it, tried again for a day."""

import datetime
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from urllib.parse import parse_qs, unquote, urlsplit

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from tenants.accounts.models import OutgoingMail
from tenants.accounts.sealing import open_personal, seal_personal

log = structlog.get_logger(__name__)

_PURPOSE = "mail"
_TIMEOUT_SECONDS = 20.0
# Wait before the next try, by how many there were; after the last one the mail is given up. A day in all.
_WAITS = [datetime.timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 840)]
_PORTS = {"starttls": 587, "on": 465, "off": 25}


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed over. `tls`: `on` from the first byte, `starttls` after a greeting, `off` never."""

    host: str
    port: int
    tls: str
    user: str
    password: str

    @classmethod
    def parse(cls, url: str) -> "MailServer":
        """ValueError, with a sentence, for what is not smtp://user:password@host:port?tls=starttls|on|off."""
        parts = urlsplit(url)
        tls = parse_qs(parts.query).get("tls", ["starttls"])[0]
        if parts.scheme != "smtp" or not parts.hostname or tls not in _PORTS:
            raise ValueError(
                "It must look like smtp://user:password@host:587?tls=starttls, where tls is starttls, on or off."
            )
        return cls(
            host=parts.hostname,
            port=parts.port or _PORTS[tls],
            tls=tls,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )


def store(*, recipient: str, subject: str, text: str) -> None:
    """Keep a mail until a worker has sent it; part of the caller's transaction."""
    OutgoingMail.objects.create(recipient=recipient, subject=subject[:500], sealed=seal_personal(_PURPOSE, text))


def send_due() -> int:
    """Send every mail that is due, one transaction each, so that two workers never send the same; how many went out."""
    sent = 0
    while (outcome := _send_one()) is not None:
        sent += outcome
    return sent


def _send_one() -> bool | None:
    """Whether a due mail was sent; None when there is none."""
    with transaction.atomic():
        due = OutgoingMail.objects.filter(due_at__lte=timezone.now()).order_by("due_at")
        mail = due.select_for_update(skip_locked=True).first()
        if mail is None:
            return None
        try:
            _deliver(mail)
        except (OSError, smtplib.SMTPException) as error:
            _put_off(mail, error)
            return False
        mail.delete()
    return True


def _deliver(mail: OutgoingMail) -> None:
    text = open_personal(_PURPOSE, bytes(mail.sealed))
    if settings.EMAIL_URL is None:
        log.warning("mail.not_configured", hint="set DAGGERBOARD_EMAIL_URL", subject=mail.subject, text=text)
        return
    server = MailServer.parse(settings.EMAIL_URL)
    with _connected(server) as connection:
        connection.send_message(_message(mail, text))
    log.info("mail.sent", mail=str(mail.id))


def _connected(server: MailServer) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.tls == "on":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=_TIMEOUT_SECONDS, context=context)
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT_SECONDS)
    if server.tls == "starttls":
        connection.starttls(context=context)
    if server.user:
        connection.login(server.user, server.password)
    return connection


def _message(mail: OutgoingMail, text: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = settings.DEFAULT_FROM_EMAIL
    message["To"] = mail.recipient
    message["Subject"] = mail.subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or None)
    # Nobody's holiday notice should answer.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def _put_off(mail: OutgoingMail, error: Exception) -> None:
    mail.attempts += 1
    if mail.attempts > len(_WAITS):
        log.error("mail.given_up", mail=str(mail.id), error=str(error))
        mail.delete()
        return
    log.warning("mail.not_sent", mail=str(mail.id), attempts=mail.attempts, error=str(error))
    mail.due_at = timezone.now() + _WAITS[mail.attempts - 1]
    mail.save(update_fields=["attempts", "due_at"])
