"""The mail that carries an invitation."""

from django.conf import settings
from django.core.mail import send_mail

from tenants.people.models import Invitation

_TEXT = """\
{inviter} invites you to join {organization} on Daggerboard ({address}).

Accept the invitation:
{link}

The link works once, for {email} only, until {until:%d %B %Y, %H:%M} UTC. If you did not expect it, ignore this mail: nothing happens.
"""


def send_invitation(invitation: Invitation, *, organization: str, link: str) -> None:
    """Hand the mail over, in words only: what people and organizations call themselves is text, on one line."""
    text = _TEXT.format(
        inviter=_line(invitation.invited_by),
        organization=_line(organization),
        address=settings.PUBLIC_URL,
        link=link,
        email=invitation.email,
        until=invitation.expires_at,
    )
    subject = f"Join {_line(organization)} on Daggerboard"
    send_mail(subject=subject, message=text, from_email=None, recipient_list=[invitation.email])


def _line(text: str) -> str:
    return " ".join(text.split())
