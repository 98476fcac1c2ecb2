"""What this service is, as SCIM describes it: resources, their attributes, and what is supported."""

from typing import Annotated, Any

from pydantic import EmailStr, Field
from scim2_models import (
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    EnterpriseUser,
    ETag,
    Filter,
    Mutability,
    Patch,
    Reference,
    Required,
    ResourceType,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
)
from scim2_models import Email as StandardEmail
from scim2_models import Group as StandardGroup
from scim2_models import User as StandardUser

# Members and teams of one answer.
MAX_RESULTS = 1000
DEFAULT_RESULTS = 100


class Email(StandardEmail):
    """An e-mail address."""

    value: Annotated[EmailStr | None, Required.true] = None


class User(StandardUser[Any]):
    """A member. The primary e-mail address says whose account it is, so there is always one."""

    emails: Annotated[list[Email] | None, Required.true] = None  # type: ignore[assignment]  # narrower than the standard's


class GroupMember(ComplexAttribute):
    """A member of a team. Teams hold people, and no other teams."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    ref: Annotated[Reference["User"] | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])


class Group(StandardGroup):
    """A team."""

    members: list[GroupMember] | None = None  # type: ignore[assignment]  # narrower than the standard's


# The generic class is made at run time, so that no checker knows it as a type.
Member: Any = User[EnterpriseUser]  # type: ignore[misc]  # as the library documents it

# What Microsoft Entra ID and Okta send beside the standard.
POLICY = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
CONFIG = ServiceProviderConfig(
    patch=Patch(supported=True),
    bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
    filter=Filter(supported=True, max_results=MAX_RESULTS),
    change_password=ChangePassword(supported=False),
    sort=Sort(supported=True),
    etag=ETag(supported=False),
    authentication_schemes=[
        AuthenticationScheme(
            type=AuthenticationScheme.Type.oauthbearertoken,
            name="SCIM token",
            description="A token of the kind SCIM, made under Settings > Provisioning: Authorization: Bearer dgb_scim_…",
            primary=True,
        )
    ],
)
PROVIDER = ScimProvider(
    models=[User, EnterpriseUser, Group],
    resource_types=[ResourceType.from_resource(Member), ResourceType.from_resource(Group)],
    config=CONFIG,
    policy=POLICY,
)
