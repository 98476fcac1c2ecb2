"""What the pages of accounts need beyond what allauth's views hand them."""

from typing import Any

from allauth.socialaccount.adapter import get_adapter
from django import template
from django.conf import settings
from django.forms import BoundField
from django.urls import reverse

from controlplane.ui.shell import NavItem

register = template.Library()

# Label, route, and the beginnings of the names of routes that belong to it.
_RAIL = (
    ("Profile", "account-profile", ("account-profile", "account-organization")),
    ("E-mail address", "account_email", ("account_email",)),
    ("Password", "account_change_password", ("account_change_password", "account_set_password")),
    ("Two-step sign-in", "mfa_index", ("mfa_",)),
    ("Sessions", "account-sessions", ("account-sessions",)),
    ("Connected accounts", "socialaccount_connections", ("socialaccount_",)),
)


@register.simple_tag(takes_context=True)
def account_nav(context: dict[str, Any]) -> list[NavItem]:
    """The rail of a person's own account."""
    match = context["request"].resolver_match
    here = str(match.url_name) if match else ""
    return [
        NavItem(label=label, url=reverse(route), current=here.startswith(beginnings))
        for label, route, beginnings in _RAIL
    ]


@register.inclusion_tag("account/_field.html")
def account_field(
    field: BoundField, label: str, note: str = "", kind: str = "", autocomplete: str = ""
) -> dict[str, Any]:
    """One field of a form with our label; `kind` and `autocomplete` as in HTML, where the form's own do not fit."""
    attributes: dict[str, Any] = {"class": "input", "placeholder": False}
    if kind:
        field.field.widget.input_type = kind
    if autocomplete:
        attributes["autocomplete"] = autocomplete
    if field.errors:
        attributes["aria-invalid"] = "true"
    if note or field.errors:
        attributes["aria-describedby"] = f"{field.auto_id}-note"
    widget = field.as_widget(attrs=attributes)
    return {"field": field, "label": label, "note": note, "widget": widget}


@register.simple_tag
def email_is_configured() -> bool:
    """Whether mails leave the installation."""
    return settings.EMAIL_URL is not None


@register.simple_tag
def sign_up_is_open() -> bool:
    return bool(settings.SIGN_UP == "open")


@register.simple_tag(takes_context=True)
def accounts_elsewhere(context: dict[str, Any], process: str) -> list[dict[str, str]]:
    """Name and address of every provider of the installation; `process` is login or connect."""
    request = context["request"]
    after = request.GET.get("next") or request.POST.get("next")
    query = {"process": process, **({"next": after} if after and process == "login" else {})}
    return [
        {"name": provider.name, "url": provider.get_login_url(request, **query)}
        for provider in get_adapter().list_providers(request)
    ]
