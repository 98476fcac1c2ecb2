"""Forms of ours where allauth's do not suffice."""

from allauth.account.forms import AddEmailForm, SignupForm
from allauth.core import context
from django.conf import settings
from django.core.exceptions import ValidationError

from tenants.accounts.adapter import invited_address
from tenants.sso.enforcement import SsoRequiredError, require_for_address


class SignUpForm(SignupForm):  # type: ignore[misc, unused-ignore]  # allauth ships no types
    """Sign-up by invitation is for the invited address."""

    def clean_email(self) -> str:
        invited = invited_address(context.request)
        if settings.SIGN_UP == "invited" and self.cleaned_data["email"].lower() != invited:
            raise ValidationError(f"Your invitation is for {invited}. Use that address, or ask for another invitation.")
        email: str = super().clean_email()
        return email


class ChangeEmailForm(AddEmailForm):  # type: ignore[misc, unused-ignore]  # allauth ships no types
    """Another address is not for people of a domain that enforces single sign-on.

    SECURITY: with an address of their own they would have a password again, and keep it when their provider lets them go.
    """

    def clean_email(self) -> str:
        try:
            require_for_address(self.user.email)
        except SsoRequiredError as error:
            raise ValidationError(f"{error.message} Your address cannot be changed here.") from error
        email: str = super().clean_email()
        return email
