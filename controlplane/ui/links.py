"""Addresses of pages. Keys and names are user strings: what a browser would fold away (`.`, `..`, empty parts) goes into the query."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from django.urls import reverse

_FOLDED = frozenset({"", ".", ".."})


@dataclass(frozen=True)
class Links:
    """Addresses below one deployment."""

    org: str
    deployment: str

    def page(self, name: str, /, *, query: Mapping[str, Any] | None = None, **kwargs: Any) -> str:
        """A named page of this deployment."""
        address = reverse(f"pages:{name}", kwargs={"org": self.org, "deployment": self.deployment, **kwargs})
        return f"{address}?{urlencode(query, doseq=True)}" if query else address

    @property
    def overview(self) -> str:
        """Its first page."""
        return self.page("overview")

    def asset(self, key: str, *, query: Mapping[str, Any] | None = None) -> str:
        """The page of an asset."""
        if _is_folded(key):
            return self.page("asset-by-key", query={"key": key, **(query or {})})
        address = f"{self.page('assets')}/{quote(key, safe='/')}"
        return f"{address}?{urlencode(query, doseq=True)}" if query else address

    def job(self, location: str, name: str) -> str:
        if _is_folded(location):
            return self.page("job-by-name", query={"location": location, "name": name})
        return self.page("job", location=location, name=name)

    def location(self, name: str, *, query: Mapping[str, Any] | None = None) -> str:
        """The page of a code location."""
        if _is_folded(name):
            return self.page("location-by-name", query={"name": name, **(query or {})})
        return self.page("location", query=query, name=name)

    def run(self, run_id: object, *, query: Mapping[str, Any] | None = None) -> str:
        return self.page("run", query=query, run_id=run_id)


def _is_folded(text: str) -> bool:
    return any(part in _FOLDED for part in text.split("/"))
