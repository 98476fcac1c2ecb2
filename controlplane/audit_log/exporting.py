"""The audit log as a file."""

from django.http import HttpRequest, StreamingHttpResponse

from controlplane.core.streaming import attachment
from tenants.access import Org
from tenants.audit import documents, selectors
from tenants.audit.filters import AuditFilter
from tenants.errors import InvalidError

_FORMS = {"jsonl": documents.as_jsonl, "csv": documents.as_csv}


def export_answer(request: HttpRequest, org: Org, asked: AuditFilter, *, form: str) -> StreamingHttpResponse:
    """All events that fit as `jsonl` or `csv`, sent as they are read."""
    if form not in _FORMS:
        raise InvalidError("form is jsonl or csv.", attr="form")
    pieces = _FORMS[form](selectors.export(org.id, asked), documents.named_places(org.id))
    return attachment(request, pieces, filename=f"{org.slug}-audit.{form}")
