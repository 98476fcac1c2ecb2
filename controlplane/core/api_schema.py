"""The OpenAPI description of the REST API: which errors every endpoint may answer, and how callers prove who they are."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema as SpectacularSchema
from drf_spectacular.renderers import OpenApiJsonRenderer
from rest_framework import serializers


class ErrorSerializer(serializers.Serializer[Any]):
    """One reason for a refusal."""

    code = serializers.CharField(help_text="For programs: not_found, conflict, invalid, required, …")
    detail = serializers.CharField(help_text="For people: what happened, why, and what to do.")
    attr = serializers.CharField(allow_null=True, help_text="The field that the reason is about.")


class RefusalSerializer(serializers.Serializer[Any]):
    """Every answer with a status from 400 on."""

    type = serializers.ChoiceField(["validation_error", "client_error", "server_error"])
    errors = ErrorSerializer(many=True)  # type: ignore[assignment]  # the document's own word, also the base's


_ALWAYS = {
    "401": "Not signed in, or the token is unknown, revoked or expired.",
    "404": "No such thing, or not yours.",
    "429": "Too many requests, or a quota is used up. Retry-After says when to try again, where time helps.",
}
_REFUSED = {"400": "The request does not make sense.", "403": "You may see this, but not do that."}
_CHANGES = {"409": "The state of the thing does not allow it."}
# Of views that say `waits_for_code`.
_OF_CODE = {"503": "The code location did not answer in time. Nothing was changed."}


class AutoSchema(SpectacularSchema):
    """Adds the refusals to what a view declares."""

    def get_tags(self) -> list[str]:
        """The slice that answers: `runs` for controlplane.runs.api."""
        return [str(self.view.__module__).split(".")[-2]]

    def _get_response_bodies(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(*args, **kwargs)
        refusals = _ALWAYS | _REFUSED | ({} if self.method == "GET" else _CHANGES)
        refusals |= _OF_CODE if getattr(self.view, "waits_for_code", False) else {}
        for status, meaning in refusals.items():
            if status not in bodies:
                refusal = self._get_response_for_code(RefusalSerializer, status)  # type: ignore[no-untyped-call]  # untyped library
                bodies[status] = refusal | {"description": meaning}
        return bodies


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself in an untyped metaclass
    """`Authorization: Bearer dgb_…`."""

    target_class = "tenants.authentication.BearerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "A token from `organizations/<org>/tokens/`."}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # as above
    """The session of a signed-in browser."""

    target_class = "tenants.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "apiKey", "in": "cookie", "name": "daggerboard_session"}


@cache
def _document() -> bytes:
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # untyped library
    return bytes(OpenApiJsonRenderer().render(schema, renderer_context={}))


def schema_view(_request: HttpRequest) -> HttpResponse:
    """The description as JSON. It is the same for everybody and tells nothing about anybody's data, so it is open to all."""
    return HttpResponse(_document(), content_type="application/vnd.oai.openapi+json")
