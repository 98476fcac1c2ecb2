"""REST: captured output of a run: what there is, its bytes, its lines, and search."""

from typing import Any, ClassVar

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from controlplane.core.streaming import attachment
from controlplane.runs import log_reader
from controlplane.runs.http import RunAPIView
from controlplane.runs.log_reader import StreamView
from controlplane.runs.log_serializers import (
    BytesQuerySerializer,
    FoundSerializer,
    LinesQuerySerializer,
    LinesSerializer,
    LogStreamSerializer,
    SearchQuerySerializer,
)
from tenants.http import valid_query
from tenants.paging import PAGE_PARAMETERS, page_of_list, page_request, page_response, page_schema
from tenants.permissions import Permission


class LogAPIView(RunAPIView):
    """Base of what reads captured output."""

    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.RUN_READ}

    def asked(self, request: Request, form: type[Serializer[Any]], stream: str) -> tuple[StreamView, dict[str, Any]]:
        """The stream that the address names, and the rest of the query."""
        query = valid_query(form, request)
        rest = dict(query)
        attempt, log_key = rest.pop("attempt", self.run.attempt), rest.pop("log_key")
        return log_reader.stream(self.org_id, self.run.id, attempt, log_key, stream), rest


class LogStreamsView(LogAPIView):
    @extend_schema(operation_id="list_logs", parameters=PAGE_PARAMETERS, responses=page_schema(LogStreamSerializer))
    def get(self, request: Request) -> Response:
        """The streams that the run has captured, by attempt and log key."""
        found = log_reader.streams(self.org_id, self.run.id)
        page = page_of_list(found, page_request(request), key=lambda view: (view.attempt, view.log_key, view.stream))
        return page_response(request, page, LogStreamSerializer)


class LogBytesView(LogAPIView):
    @extend_schema(
        operation_id="read_log",
        parameters=[BytesQuerySerializer],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, stream: str) -> StreamingHttpResponse:
        """The bytes of a stream, all or a stretch, as they were written. To follow one, ask again from where you are."""
        view, asked = self.asked(request, BytesQuerySerializer, stream)
        pieces = log_reader.read_bytes(view, **asked)
        name = f"{self.run.id}-{view.attempt}.{'out' if stream == 'stdout' else 'err'}.txt"
        return attachment(request._request, pieces, filename=name)  # noqa: SLF001 - DRF offers no other way to it


class LogLinesView(LogAPIView):
    @extend_schema(operation_id="read_log_lines", parameters=[LinesQuerySerializer], responses=LinesSerializer)
    def get(self, request: Request, stream: str) -> Response:
        """Lines by number. Very long lines are cut; the bytes have all of them."""
        view, asked = self.asked(request, LinesQuerySerializer, stream)
        lines = log_reader.read_lines(view, asked["first"], asked["count"])
        return Response(LinesSerializer({"lines": lines, "total": view.lines, "final": view.final}).data)


class LogSearchView(LogAPIView):
    @extend_schema(operation_id="search_log", parameters=[SearchQuerySerializer], responses=FoundSerializer)
    def get(self, request: Request, stream: str) -> Response:
        """Count a text over the whole stream."""
        view, asked = self.asked(request, SearchQuerySerializer, stream)
        found = log_reader.search(view, asked["q"], ignore_case=asked["ignore_case"])
        return Response(FoundSerializer(found).data)
