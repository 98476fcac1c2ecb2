"""How allauth's two-step sign-in is told of our installation."""

from urllib.parse import urlsplit

from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings

from tenants.accounts.sealing import open_text, seal_to_text

_PURPOSE = "two-step"


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc, unused-ignore]  # allauth ships no types
    """Seals what authenticators keep, and names us to authenticator apps and security keys."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "That is not the code. Look at the newest one; each works once.",
        "unverified_email": "Confirm your e-mail address first: it is the way back in when the second step is lost.",
    }

    def encrypt(self, text: str) -> str:
        return seal_to_text(_PURPOSE, text)

    def decrypt(self, encrypted_text: str) -> str:
        return open_text(_PURPOSE, encrypted_text)

    def get_totp_issuer(self) -> str:
        return f"Daggerboard ({urlsplit(settings.PUBLIC_URL).hostname})"

    def _get_site_name(self) -> str:
        return "Daggerboard"
