"""Settings of accounts: who may sign up, how people sign in, and e-mail. Part of settings.py, which takes all of them over."""

from typing import Any

from controlplane.config import environment as env
from tenants.accounts.mail_server import MailServer

# ---- accounts

SIGN_UP = env.choice(
    "DAGGERBOARD_SIGN_UP",
    "invited",
    ("open", "invited", "closed"),
    "who may make an account: open (anybody), invited, or closed (operators, single sign-on and SCIM make them)",
)

# ---- e-mail

EMAIL_URL = env.optional(
    "DAGGERBOARD_EMAIL_URL",
    "the mail server, smtp://user:password@host:587?tls=starttls; without it mails go to the log of the worker",
)
if EMAIL_URL is not None:
    try:
        MailServer.parse(EMAIL_URL)
    except ValueError as error:
        raise env.BadSettingError(f"DAGGERBOARD_EMAIL_URL names no mail server. {error}") from error
DEFAULT_FROM_EMAIL = env.text(
    "DAGGERBOARD_EMAIL_FROM", "Daggerboard <daggerboard@localhost>", "the sender of mails that people get"
)
EMAIL_BACKEND = "controlplane.core.mail.OutboxBackend"

# ---- signing in with accounts that people have elsewhere

_GOOGLE_ID = env.optional("DAGGERBOARD_GOOGLE_CLIENT_ID", "the OAuth client of this installation at Google")
_GOOGLE_SECRET = env.optional("DAGGERBOARD_GOOGLE_CLIENT_SECRET", "the secret of that client")
_GITHUB_ID = env.optional("DAGGERBOARD_GITHUB_CLIENT_ID", "the OAuth app of this installation at GitHub")
_GITHUB_SECRET = env.optional("DAGGERBOARD_GITHUB_CLIENT_SECRET", "the secret of that app")
_OIDC_URL = env.optional("DAGGERBOARD_OIDC_URL", "the issuer of another OpenID Connect provider")
_OIDC_ID = env.optional("DAGGERBOARD_OIDC_CLIENT_ID", "the client of this installation at that provider")
_OIDC_SECRET = env.optional("DAGGERBOARD_OIDC_CLIENT_SECRET", "the secret of that client")
_OIDC_NAME = env.text("DAGGERBOARD_OIDC_NAME", "Single sign-on", "what the button of that provider says")


def _app(service: str, client_id: str | None, secret: str | None, **more: Any) -> list[dict[str, Any]]:
    if bool(client_id) != bool(secret):
        raise env.BadSettingError(
            f"DAGGERBOARD_{service}_CLIENT_ID and DAGGERBOARD_{service}_CLIENT_SECRET belong together: set both, or none."
        )
    return [{"client_id": client_id, "secret": secret, **more}] if client_id else []


if bool(_OIDC_ID) != bool(_OIDC_URL):
    raise env.BadSettingError("DAGGERBOARD_OIDC_URL and DAGGERBOARD_OIDC_CLIENT_ID belong together: set both, or none.")
SOCIALACCOUNT_PROVIDERS: dict[str, dict[str, Any]] = {
    "google": {
        "APPS": _app("GOOGLE", _GOOGLE_ID, _GOOGLE_SECRET),
        "SCOPE": ["openid", "profile", "email"],
        "OAUTH_PKCE_ENABLED": True,
    },
    "github": {"APPS": _app("GITHUB", _GITHUB_ID, _GITHUB_SECRET), "SCOPE": ["read:user", "user:email"]},
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": _app(
            "OIDC",
            _OIDC_ID,
            _OIDC_SECRET,
            provider_id="oidc",
            name=_OIDC_NAME,
            settings={"server_url": _OIDC_URL or "", "oauth_pkce_enabled": True},
        ),
    },
}
SOCIALACCOUNT_ADAPTER = "tenants.accounts.social_adapter.SocialAdapter"
# Decided by the adapter, which also asks whether the local address is verified.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_STORE_TOKENS = False
# Links, not forms: the content security policy lets a form lead to ourselves only, redirects included.
SOCIALACCOUNT_LOGIN_ON_GET = True

# ---- allauth

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_ADAPTER = "tenants.accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_FORMS = {
    "signup": "tenants.accounts.forms.SignUpForm",
    "add_email": "tenants.accounts.forms.ChangeEmailForm",
}
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 15 * 60
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "/sign-in"
MFA_ADAPTER = "tenants.accounts.mfa_adapter.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
# One step of thirty seconds either way, for clocks that are a little off.
MFA_TOTP_TOLERANCE = 1
LOGIN_REDIRECT_URL = "/"
