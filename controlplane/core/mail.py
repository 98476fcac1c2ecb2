"""Mail leaves through the database: a request stores it in its own transaction, and a worker sends it.

So nobody waits for a mail server, a mail for a known address takes as long as one for an unknown one, and none is lost when the
server is away.
"""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from controlplane.core.background import enqueue
from tenants.accounts import outbox


class OutboxBackend(BaseEmailBackend):
    """Django's e-mail backend of the installation."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            for recipient in message.recipients():
                outbox.store(recipient=recipient, subject=str(message.subject), text=str(message.body))
        enqueue("core.send_mail")
        return len(email_messages)
