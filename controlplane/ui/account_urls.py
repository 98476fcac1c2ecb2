"""Routes of signing in and of a person's own account. The views are allauth's, the pages are ours (templates/account, mfa, …)."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from allauth.socialaccount import views as elsewhere
from allauth.urls import build_provider_urlpatterns
from django.db import transaction
from django.urls import URLPattern, URLResolver, include, path, re_path

from controlplane.ui.pages import account as own
from controlplane.ui.pages import own_account as mine

# The change and its rows in the audit log: both are stored, or neither.
whole = transaction.atomic

_sign_in: list[URLPattern | URLResolver] = [
    path("sign-in", account.login, name="account_login"),
    path("sign-in", account.login, name="sign-in"),
    path("sign-in/link/<str:text>", own.SignInLink.as_view(), name="sign-in-link"),
    path("sign-in/code", account.request_login_code, name="account_request_login_code"),
    path("sign-in/code/confirm", account.confirm_login_code, name="account_confirm_login_code"),
    path("sign-in/two-step", mfa.authenticate, name="mfa_authenticate"),
    path("sign-in/key", webauthn.login_webauthn, name="mfa_login_webauthn"),
    path("sign-up", account.signup, name="account_signup"),
    path("sign-out", mine.SignOut.as_view(), name="account_logout"),
    path("sign-out", mine.SignOut.as_view(), name="sign-out"),
]

_account: list[URLPattern | URLResolver] = [
    path("", include("tenants.sso.urls")),
    path("inactive", account.account_inactive, name="account_inactive"),
    path("email", whole(account.email), name="account_email"),
    path("email/sent", account.email_verification_sent, name="account_email_verification_sent"),
    re_path(r"^email/confirm/(?P<key>[-:\w]+)$", whole(account.confirm_email), name="account_confirm_email"),
    path("password", whole(account.password_change), name="account_change_password"),
    path("password/set", whole(account.password_set), name="account_set_password"),
    path("password/reset", account.password_reset, name="account_reset_password"),
    path("password/reset/sent", account.password_reset_done, name="account_reset_password_done"),
    path("password/reset/done", account.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    re_path(
        r"^password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)$",
        whole(account.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path("reauthenticate", account.reauthenticate, name="account_reauthenticate"),
    path("reauthenticate/two-step", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("reauthenticate/key", webauthn.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("two-step", mfa.index, name="mfa_index"),
    path("two-step/app", whole(totp.activate_totp), name="mfa_activate_totp"),
    path("two-step/app/remove", whole(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("two-step/recovery-codes", recovery_codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "two-step/recovery-codes/new", whole(recovery_codes.generate_recovery_codes), name="mfa_generate_recovery_codes"
    ),
    path("two-step/recovery-codes/file", recovery_codes.download_recovery_codes, name="mfa_download_recovery_codes"),
    path("two-step/keys", webauthn.list_webauthn, name="mfa_list_webauthn"),
    path("two-step/keys/add", whole(webauthn.add_webauthn), name="mfa_add_webauthn"),
    path("two-step/keys/<int:pk>/remove", whole(webauthn.remove_webauthn), name="mfa_remove_webauthn"),
    path("two-step/keys/<int:pk>/edit", whole(mine.RenameKey.as_view()), name="mfa_edit_webauthn"),
    path("sessions", mine.Sessions.as_view(), name="account-sessions"),
    path("sessions", mine.Sessions.as_view(), name="usersessions_list"),
    path("sessions/end-others", mine.EndOtherSessions.as_view(), name="account-sessions-end-others"),
    path("sessions/<int:session_id>/end", mine.EndSession.as_view(), name="account-sessions-end"),
    path("organizations/new", mine.NewOrganization.as_view(), name="account-organization-new"),
    path("connections", whole(elsewhere.connections), name="socialaccount_connections"),
    path("connections/cancelled", elsewhere.login_cancelled, name="socialaccount_login_cancelled"),
    path("connections/error", elsewhere.login_error, name="socialaccount_login_error"),
    path("connections/sign-up", whole(elsewhere.signup), name="socialaccount_signup"),
    # `google/login/`, `google/login/callback/`, `oidc/<provider>/login/`, …: of every provider that is installed.
    path("", include(build_provider_urlpatterns())),
]

urlpatterns: list[URLPattern | URLResolver] = [
    *_sign_in,
    path("account", mine.Profile.as_view(), name="account-profile"),
    path("account/", include(_account)),
]
