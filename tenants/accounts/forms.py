"""Forms of ours where allauth's do not suffice."""

from allauth.account.forms import SignupForm
from allauth.core import context
from django.conf import settings
from django.core.exceptions import ValidationError

from tenants.accounts.adapter import invited_address


class SignUpForm(SignupForm):  # type: ignore[misc, unused-ignore]  # allauth ships no types
    """Sign-up by invitation is for the invited address."""

    def clean_email(self) -> str:
        invited = invited_address(context.request)
        if settings.SIGN_UP == "invited" and self.cleaned_data["email"].lower() != invited:
            raise ValidationError(f"Your invitation is for {invited}. Use that address, or ask for another invitation.")
        email: str = super().clean_email()
        return email
