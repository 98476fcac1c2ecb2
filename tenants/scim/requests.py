"""Bodies as identity providers send them, made into what the library reads."""

from typing import Any

from scim2_models import Context

from tenants.scim.schemas import Member


def read_user(document: dict[str, Any], context: Context) -> Any:
    """A User. Where the provider sends no e-mail address, its user name is taken when it is one, as Entra ID's mostly is."""
    given = {name.lower() for name in document}
    name = next((value for key, value in document.items() if key.lower() == "username"), None)
    if "emails" not in given and isinstance(name, str) and "@" in name:
        document = {**document, "emails": [{"value": name, "type": "work", "primary": True}]}
    user = Member.model_validate(document, scim_ctx=context)
    if user.active is None and context == Context.RESOURCE_CREATION_REQUEST:
        user.active = True
    return user


def read_patch(message: Any, document: dict[str, Any]) -> Any:
    """A PatchOp of one type of resource."""
    return message.model_validate(document, scim_ctx=Context.RESOURCE_PATCH_REQUEST)
