"""One repository: for which of its pull requests there are branch deployments, and what happens with them."""

from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from controlplane.delivery.connections import repositories
from controlplane.delivery.connections.repositories import RepositorySettings
from controlplane.delivery.connections.serializers import base_shown
from controlplane.delivery.models import BranchMode, CommentMode
from controlplane.delivery.models import Repository as RepositoryRow
from controlplane.ui.pages.settings_git import GitPage
from tenants.errors import AppError
from tenants.permissions import Permission

# Seconds and what people call them; empty for never.
_SLEEP = (("600", "10 minutes"), ("3600", "1 hour"), ("14400", "4 hours"), ("86400", "1 day"), ("", "never"))
_EXPIRE = (("86400", "1 day"), ("259200", "3 days"), ("604800", "7 days"), ("2592000", "30 days"), ("", "never"))


class RepositoryPage(GitPage):
    """A page of one repository."""

    repository: RepositoryRow

    def enter(self, kwargs: dict[str, Any]) -> None:
        super().enter(kwargs)
        self.repository = repositories.access_repository(self.org_id, kwargs.pop("repository_id"))

    @property
    def who(self) -> dict[str, Any]:
        return {"org_id": self.org_id, "repository_id": self.repository.id, "actor": self.access.actor}

    def here(self) -> HttpResponse:
        return redirect(reverse("pages:settings-repository", args=[self.access.org.slug, self.repository.id]))

    def form(self, request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
        """The repository's page."""
        row = self.repository
        page = {
            "repository": row,
            "given": _stored(row, base_shown(self.access, row)),
            "bases": [base.name for base in repositories.possible_bases(self.access)],
            "modes": BranchMode,
            "comment_modes": CommentMode,
            "sleeps": _with(_SLEEP, row.sleep_after_seconds),
            "expiries": _with(_EXPIRE, row.expire_after_seconds),
        }
        return self.render(request, "settings/repository.html", status=status, **{**page, **context})


class Repository(RepositoryPage):
    """Shows and changes what happens for its pull requests."""

    permissions: ClassVar = {"GET": Permission.ORGANIZATION_READ, "POST": Permission.ORGANIZATION_WRITE}

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return self.form(request)

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        given = request.POST
        try:
            repositories.change_repository(
                access=self.access, repository_id=self.repository.id, settings=self._asked(request)
            )
        except AppError as error:
            typed = {**given.dict(), "deploys_default_branch": bool(given.get("deploys_default_branch"))}
            return self.form(request, status=error.status, error=error.message, attr=error.attr, given=typed)
        messages.success(request, f"{self.repository.full_name} is saved. Its open pull requests are looked at now.")
        return self.here()

    def _asked(self, request: HttpRequest) -> RepositorySettings:
        given = request.POST
        return RepositorySettings(
            base=repositories.base_called(self.access, given.get("base", "")),
            mode=given.get("mode", ""),
            label=given.get("label", ""),
            exclude_labels=given.get("exclude_labels", "").split(","),
            comment_mode=given.get("comment_mode", ""),
            sleep_after_seconds=_seconds(given.get("sleep_after_seconds", "")),
            expire_after_seconds=_seconds(given.get("expire_after_seconds", "")),
            deploys_default_branch=bool(given.get("deploys_default_branch")),
        )


class Reconcile(RepositoryPage):
    """Compares the repository with its host now."""

    permissions: ClassVar = {"POST": Permission.ORGANIZATION_WRITE}

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        try:
            repositories.reconcile_now(**self.who)
        except AppError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, "The host is asked for all open pull requests now.")
        return self.here()


def _stored(row: RepositoryRow, base: str | None) -> dict[str, Any]:
    def text(seconds: int | None) -> str:
        return "" if seconds is None else str(seconds)

    return {
        "base": base or "",
        "mode": row.mode,
        "label": row.label,
        "exclude_labels": ", ".join(row.exclude_labels),
        "comment_mode": row.comment_mode,
        "sleep_after_seconds": text(row.sleep_after_seconds),
        "expire_after_seconds": text(row.expire_after_seconds),
        "deploys_default_branch": row.deploys_default_branch,
    }


def _with(choices: tuple[tuple[str, str], ...], seconds: int | None) -> list[tuple[str, str]]:
    """The choices, and what was set over REST if it is none of them."""
    known = seconds is None or any(value == str(seconds) for value, _label in choices)
    return list(choices) if known else [(str(seconds), f"{seconds} seconds"), *choices]


def _seconds(text: str) -> int | None:
    if not text.strip():
        return None
    # What is no number is out of every range, and refused with its field's name.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0
