"""Mail on its way out: stored with its text sealed, sent by whoever claims it, tried again for a day."""

import datetime
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from tenants.accounts.mail_server import MailServer
from tenants.accounts.models import OutgoingMail
from tenants.accounts.sealing import open_personal, seal_personal

log = structlog.get_logger(__name__)

_PURPOSE = "mail"
_TIMEOUT_SECONDS = 20.0
# Wait before the next try, by how many there were; after the last one the mail is given up. A day in all.
_WAITS = [datetime.timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 840)]


def store(*, recipient: str, subject: str, text: str) -> None:
    """Keep a mail until a worker has sent it; part of the caller's transaction."""
    OutgoingMail.objects.create(recipient=recipient, subject=subject[:500], sealed=seal_personal(_PURPOSE, text))


def send_due() -> int:
    """Send every mail that is due, one transaction each, so that two workers never send the same; how many went out."""
    sent = 0
    while (outcome := _send_one()) is not None:
        sent += outcome
    return sent


def reseal_waiting() -> None:
    """Seal the texts of waiting mails under the newest master key."""
    for mail_id in list(OutgoingMail.objects.values_list("id", flat=True)):
        with transaction.atomic():
            mail = OutgoingMail.objects.select_for_update().filter(id=mail_id).first()
            if mail is not None:
                mail.sealed = seal_personal(_PURPOSE, open_personal(_PURPOSE, bytes(mail.sealed)))
                mail.save(update_fields=["sealed"])


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
