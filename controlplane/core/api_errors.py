"""One handler turns our errors into the API's error document: `{"type", "errors": [{"code", "detail", "attr"}]}`."""

import math

from drf_spectacular.utils import extend_schema
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.views import APIView

from tenants.errors import AppError, NotFoundError, TooManyError


class ApiExceptionHandler(ExceptionHandler):
    """Keeps code, status and attribute of an AppError."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, AppError):
            if exc.attr and exc.status == exceptions.ValidationError.status_code:
                return exceptions.ValidationError({exc.attr: [exceptions.ErrorDetail(exc.message, code=exc.code)]})
            converted = exceptions.APIException(exc.message, code=exc.code)
            converted.status_code = exc.status
            if isinstance(exc, TooManyError) and exc.retry_after is not None:
                # Django REST framework makes the header Retry-After of it.
                converted.wait = math.ceil(exc.retry_after)  # type: ignore[attr-defined]  # as exceptions.Throttled has it
            return converted
        return super().convert_known_exceptions(exc)


@extend_schema(exclude=True)
class MissingView(APIView):
    """What answers an address below the API that no route has."""

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFoundError("There is no such address. /api/v1/schema/ lists those that there are.")
