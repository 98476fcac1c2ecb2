"""Errors as the client reads them: in the union of the operation where it asks for that, as GraphQL's own `errors` elsewhere."""

from collections.abc import Mapping
from typing import Any

from tenants.errors import AppError, ForbiddenError, InvalidError

# An exception whose causes go deeper is cut: the rest is on the page of the code location.
_CAUSES_MAX = 20


def as_member(error: AppError, members: frozenset[str]) -> dict[str, Any] | None:
    """The member of the operation's union that says this; None when the union has none that could."""
    if isinstance(error, ForbiddenError) and "UnauthorizedError" in members:
        return {"__typename": "UnauthorizedError", "message": error.message}
    if isinstance(error, InvalidError) and "InvalidLocationError" in members:
        return {"__typename": "InvalidLocationError", "errors": [error.message]}
    if "PythonError" in members:
        return python_error({"message": error.message})
    return None


def python_error(error: Mapping[str, Any]) -> dict[str, Any]:
    """A stored agent.protocol.ErrorInfo as `PythonError`: what was raised, and what caused it or was being handled, outermost first."""
    chain: list[dict[str, Any]] = []
    found = error
    while len(chain) < _CAUSES_MAX and (inner := found.get("cause") or found.get("context")):
        chain.append({"isExplicitLink": bool(found.get("cause")), "error": _link(inner)})
        found = inner
    return {"__typename": "PythonError", **_link(error), "errorChain": chain}


def _link(error: Mapping[str, Any]) -> dict[str, Any]:
    cls, message = error.get("cls"), str(error.get("message", ""))
    return {"message": f"{cls}: {message}" if cls else message, "stack": list(error.get("stack") or ())}
