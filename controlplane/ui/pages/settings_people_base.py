"""What the pages about people share: the caller's view of grants, and forms whose refusals are shown where they were sent from."""

from collections.abc import Callable
from functools import cached_property
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from controlplane.ui.pages.settings_base import SettingsPage
from tenants.errors import ConflictError, ForbiddenError, InvalidError, TooManyError
from tenants.people.visible_grants import GrantViewer

# What whoever filled in a form can mend; everything else becomes a page of its own.
_SHOWN = (ConflictError, ForbiddenError, InvalidError, TooManyError)


class PeoplePage(SettingsPage):
    """A page of settings about people."""

    @property
    def org_id(self) -> UUID:
        return self.access.org.id

    @cached_property
    def viewer(self) -> GrantViewer:
        return GrantViewer(self.access)

    def address(self, name: str, **kwargs: object) -> str:
        """The address of a page of settings."""
        return reverse(f"pages:{name}", kwargs={"org": self.access.org.slug, **kwargs})

    def changed(self, request: HttpRequest, change: Callable[[], object], done: str, then: str) -> HttpResponse:
        """Make a change and go on to `then`, with what was done, or with why it was refused."""
        try:
            change()
        except _SHOWN as error:
            messages.error(request, error.message)
        else:
            messages.success(request, done)
        return redirect(then)
