"""Answers that are sent piece by piece, under WSGI and ASGI alike: memory holds one piece, whatever the size of the whole."""

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from controlplane.core.threads import with_connections_returned


def attachment(request: HttpRequest, pieces: Iterator[bytes], *, filename: str) -> StreamingHttpResponse:
    """Bytes to be saved, never to be shown: what user code wrote must not become a page of ours."""
    # Django reads a plain iterator to its end before it sends anything under ASGI.
    content = _in_threads(pieces) if isinstance(request, ASGIRequest) else pieces
    answer = StreamingHttpResponse(content, content_type="application/octet-stream")
    answer["Content-Disposition"] = f'attachment; filename="{filename}"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


async def _in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    following = sync_to_async(with_connections_returned, thread_sensitive=False)
    while (piece := await following(lambda: next(pieces, None))) is not None:
        yield piece
