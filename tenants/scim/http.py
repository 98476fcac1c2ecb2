"""What every SCIM endpoint is: a SCIM token, its organization, a rate, and errors in SCIM's own form (RFC 7644 §3.12)."""

import json
import math
from typing import Any, ClassVar

import structlog
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from pydantic import ValidationError
from redis.exceptions import RedisError
from scim2_models import Context, Error, SCIMException

from tenants.access import Access, Principal, enter_organization
from tenants.addresses import client_address
from tenants.authentication import UNBELIEVED, bearer_text
from tenants.errors import AppError, ForbiddenError, InvalidError, TooLargeError, TooManyError
from tenants.models import TokenKind
from tenants.organization_states import check_writable
from tenants.scim.schemas import PROVIDER
from tenants.scoping import org_scope
from tenants.token_verification import verify_token

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/scim+json"
# A team of ten thousand people is one megabyte.
MAX_BODY_BYTES = 4 * 1024 * 1024
# Per organization. Entra ID sends at most 25 requests a second, Okta fewer.
REQUESTS_PER_MINUTE = 3000
_READS = frozenset({"GET", "HEAD"})


class AnonymousError(AppError):
    """Send a SCIM token, as `Authorization: Bearer <token>`."""

    code = "not_authenticated"
    status = 401


class MethodNotAllowedError(AppError):
    """The address does not take this method."""

    code = "method_not_allowed"
    status = 405


@method_decorator(csrf_exempt, name="dispatch")
class ScimView(View):
    """An endpoint below `/scim/v2/`. The token says which organization it is about."""

    # POST requests that only look, such as searches.
    only_reads: ClassVar[bool] = False
    access: Access

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            self.access = _entered(request)
            handler = getattr(self, str(request.method).lower(), None)
            if handler is None or request.method == "OPTIONS":
                raise MethodNotAllowedError
            if request.method not in _READS and not self.only_reads:
                check_writable(self.access.org)
            _count_request(self.access)
            with PROVIDER, org_scope(self.access.org.id):
                answer: HttpResponse = handler(request, *args, **kwargs)
        except (AppError, SCIMException, ValidationError) as error:
            return refusal(error)
        return answer

    @property
    def base(self) -> str:
        """The address that the addresses of resources begin with."""
        return f"{settings.PUBLIC_URL}/scim/v2"


def _entered(request: HttpRequest) -> Access:
    text = bearer_text(request.headers.get("Authorization", ""))
    if text is None:
        raise AnonymousError
    address = client_address(request)
    claims = verify_token(text, address=address)
    if claims is None:
        raise AnonymousError(UNBELIEVED)
    if claims.kind != TokenKind.SCIM:
        raise ForbiddenError("This needs a token of the kind SCIM; this one is of another kind.")
    return enter_organization(Principal(token=claims, address=address), claims.org.slug)


def _count_request(access: Access) -> None:
    now = timezone.now()
    key = f"scim:{access.org.id}:{now:%H%M}"
    try:
        cache.add(key, 0, timeout=120)
        count = cache.incr(key)
    except (RedisError, ValueError) as error:
        # A limit that cannot be counted must not end provisioning.
        log.warning("scim.not_counted", error=str(error))
        return
    if count > REQUESTS_PER_MINUTE:
        raise TooManyError(
            f"This organization has sent {REQUESTS_PER_MINUTE} SCIM requests within a minute, which is the limit.",
            retry_after=60 - now.second,
        )


def body(request: HttpRequest) -> dict[str, Any]:
    """The JSON object that was sent; InvalidError and TooLargeError when there is none that can be read."""
    data: bytes = request.read(MAX_BODY_BYTES + 1)
    if len(data) > MAX_BODY_BYTES:
        raise TooLargeError(f"The body is larger than {MAX_BODY_BYTES} bytes.")
    try:
        document = json.loads(data)
        # Half of a surrogate pair, and NUL, can be written in JSON, and nowhere else.
        plain = "\\u0000" not in json.dumps(document) and bool(json.dumps(document, ensure_ascii=False).encode())
    except (ValueError, RecursionError) as error:
        raise InvalidError("The body is no JSON that can be read.", attr="syntax") from error
    if not isinstance(document, dict) or not plain:
        raise InvalidError("The body is not a JSON object of plain text.", attr="syntax")
    return document


def answer(resource: Any, context: Context, *, status: int = 200, asked: Any = None) -> HttpResponse:
    """A resource or a message, with the attributes that were asked for."""
    document = resource.model_dump(scim_ctx=context, response_parameters=asked)
    response = HttpResponse(json.dumps(document), content_type=MEDIA_TYPE, status=status)
    location = (document.get("meta") or {}).get("location")
    if status == 201 and location:
        response["Location"] = location
    return response


def refusal(error: AppError | SCIMException | ValidationError) -> HttpResponse:
    """The error document of SCIM."""
    found = _error(error)
    response = HttpResponse(
        json.dumps(found.model_dump(scim_ctx=Context.DEFAULT)), content_type=MEDIA_TYPE, status=found.status or 400
    )
    if found.status == AnonymousError.status:
        response["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooManyError) and error.retry_after is not None:
        response["Retry-After"] = str(math.ceil(error.retry_after))
    return response


def _error(error: AppError | SCIMException | ValidationError) -> Error:
    if isinstance(error, ValidationError):
        return Error.from_validation_errors(error)[0]
    if isinstance(error, SCIMException):
        return error.to_error()
    kinds = {"uniqueness": "uniqueness", "invalid": "invalidSyntax" if error.attr == "syntax" else "invalidValue"}
    return Error(status=error.status, scim_type=kinds.get(error.code), detail=error.message)
