"""Environment variables of a deployment: the list, one variable, its value, and what a code location gets in the end."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from controlplane.deployments import selectors as deployments
from controlplane.deployments.models import DeploymentKind
from controlplane.environment import selectors, services
from controlplane.environment.branch_facts import branch_context
from controlplane.environment.effective import EffectiveVariable, effective
from controlplane.environment.models import EnvironmentVariable, SecretStore
from controlplane.environment.visible import VariableRights
from controlplane.environment.words import scope_words
from controlplane.ui.environment_form import KEEP, VariableForm, branch_choices, location_choices
from controlplane.ui.pages.base import DeploymentPage, wants_part
from tenants.errors import AppError, ConflictError, InvalidError, NotFoundError
from tenants.permissions import Permission


@dataclass(frozen=True)
class Row:
    """A line of the list."""

    variable: EnvironmentVariable
    scope: str
    locations: list[str]
    may_read: bool
    may_write: bool
    # Of the branch deployment that is looked at, and not inherited.
    is_own: bool = False
    # What this branch's own variable stands in place of.
    instead_of: str = ""

    @property
    def store(self) -> str:
        return SecretStore(self.variable.store).label if self.variable.store else ""


class EnvironmentPage(DeploymentPage):
    """Base of these pages."""

    section = "environment"

    @property
    def rights(self) -> VariableRights:
        return VariableRights(self.access)

    @property
    def is_branch(self) -> bool:
        return self.deployment.kind == DeploymentKind.BRANCH

    @property
    def is_fork(self) -> bool:
        context = branch_context(self.deployment)
        return context is not None and context.branch.is_fork

    def row(self, variable: EnvironmentVariable) -> Row:
        rights = self.rights
        return Row(
            variable=variable,
            scope=scope_words(variable),
            locations=rights.locations(variable),
            may_read=rights.allows(Permission.SECRET_READ, variable.locations),
            may_write=self._is_own(variable) and rights.allows(Permission.SECRET_WRITE, variable.locations),
            is_own=self.is_branch and self._is_own(variable),
        )

    def _is_own(self, variable: EnvironmentVariable) -> bool:
        """Whether it is managed here: a branch deployment inherits the others."""
        return not self.is_branch or variable.branch_id == self.deployment.id

    def typed(self, request: HttpRequest) -> VariableForm:
        """What was filled in; in a branch deployment it holds for that branch alone."""
        form = VariableForm.typed(request.POST)
        if not self.is_branch:
            return form
        return replace(form, full=False, all_branches=False, local=False, branch=str(self.deployment.id))

    def location_names(self) -> list[str]:
        return [location.name for location in self.visible.code_locations() if self.rights.sees_location(location.name)]

    def form_context(self, form: VariableForm) -> dict[str, Any]:
        """What the fields of scope, code locations and source offer."""
        branches = [
            d
            for d in deployments.deployments_for(self.access)
            if d.kind == DeploymentKind.BRANCH and d.parent_id == self.deployment.id
        ]
        return {
            "form": form,
            "stores": SecretStore.choices,
            "location_choices": location_choices(self.location_names(), form.locations),
            "branch_choices": branch_choices(branches, form.branch),
        }


class Environment(EnvironmentPage):
    """Every variable that the caller may know of, without values."""

    permissions: ClassVar = {"GET": Permission.ENVIRONMENT_READ}

    def get(self, request: HttpRequest) -> HttpResponse:
        query = request.GET.get("q", "").strip()
        known = selectors.visible_variables(self.access, self.deployment)
        rows = [self.row(variable) for variable in known if query.lower() in variable.name.lower()]
        if self.is_branch:
            rows = _own_first(rows, known)
        context: dict[str, Any] = {
            "rows": rows,
            "known": len(known),
            "query": query,
            "is_branch": self.is_branch,
            "is_fork": self.is_fork,
        }
        if wants_part(request, "variable-list"):
            return self.render_part(request, "environment/_list.html", **context)
        return self.render(request, "environment/list.html", **context, location_names=self.location_names())


def _own_first(rows: list[Row], known: list[EnvironmentVariable]) -> list[Row]:
    """What the branch changes comes first, with what it stands in place of."""
    inherited: dict[str, list[str]] = {}
    for variable in known:
        if variable.branch_id is None:
            inherited.setdefault(variable.name, []).append(scope_words(variable))
    told = [
        replace(row, instead_of=", ".join(inherited.get(row.variable.name, []))) if row.is_own else row for row in rows
    ]
    return sorted(told, key=lambda row: (not row.is_own, row.variable.name))


class NewVariable(EnvironmentPage):
    """Adds a variable."""

    permissions: ClassVar = {"GET": Permission.SECRET_WRITE, "POST": Permission.SECRET_WRITE}

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._show(request, VariableForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self.typed(request)
        try:
            draft = form.draft(request.POST.get("value", ""))
            self.rights.require(Permission.SECRET_WRITE, list(draft.locations))
            services.create_variable(deployment=self.deployment, draft=draft, actor=self.access.actor)
        except (InvalidError, ConflictError) as error:
            return self._show(request, form, error)
        messages.success(request, f"{form.name} is set. Code locations that it holds for load anew with it.")
        return redirect(self.links.page("environment"))

    def _show(self, request: HttpRequest, form: VariableForm, error: AppError | None = None) -> HttpResponse:
        context = {**self.form_context(form), "error": error, "title": "Add a variable", "is_branch": self.is_branch}
        return self.render(request, "environment/variable.html", status=400 if error else 200, **context)


class Variable(EnvironmentPage):
    """One variable: what it is, and the form that changes it."""

    permissions: ClassVar = {"GET": Permission.ENVIRONMENT_READ, "POST": Permission.SECRET_WRITE}

    def get(self, request: HttpRequest, variable_id: UUID) -> HttpResponse:
        variable = selectors.variable(self.access, self.deployment, variable_id)
        return self._show(request, variable, VariableForm.of(variable, self.rights))

    def post(self, request: HttpRequest, variable_id: UUID) -> HttpResponse:
        variable = selectors.variable(self.access, self.deployment, variable_id)
        form = self.typed(request)
        try:
            draft = form.draft(request.POST.get("value", ""))
            for locations in (variable.locations, list(draft.locations)):
                self.rights.require(Permission.SECRET_WRITE, locations)
            services.update_variable(
                deployment=self.deployment,
                variable_id=variable_id,
                draft=draft,
                actor=self.access.actor,
            )
        except (InvalidError, ConflictError) as error:
            return self._show(request, variable, form, error)
        messages.success(request, f"{form.name} is changed. Code locations that it holds for load anew with it.")
        return redirect(self.links.page("environment"))

    def _show(
        self, request: HttpRequest, variable: EnvironmentVariable, form: VariableForm, error: AppError | None = None
    ) -> HttpResponse:
        context: dict[str, Any] = {**self.form_context(form), "row": self.row(variable), "error": error, "keep": KEEP}
        context |= {"title": variable.name, "is_branch": self.is_branch}
        return self.render(request, "environment/variable.html", status=400 if error else 200, **context)


class DeleteVariable(EnvironmentPage):
    """Takes a variable away."""

    permissions: ClassVar = {"POST": Permission.SECRET_WRITE}

    def post(self, request: HttpRequest, variable_id: UUID) -> HttpResponse:
        variable = selectors.variable(self.access, self.deployment, variable_id)
        self.rights.require(Permission.SECRET_WRITE, variable.locations)
        services.delete_variable(deployment=self.deployment, variable_id=variable_id, actor=self.access.actor)
        messages.success(request, f"{variable.name} is deleted.")
        return redirect(self.links.page("environment"))


class RevealVariable(EnvironmentPage):
    """Shows a value. Each reading is in the audit log."""

    permissions: ClassVar = {"POST": Permission.SECRET_READ}

    def post(self, request: HttpRequest, variable_id: UUID) -> HttpResponse:
        variable = selectors.variable(self.access, self.deployment, variable_id)
        self.rights.require(Permission.SECRET_READ, variable.locations)
        value = services.reveal_value(deployment=self.deployment, variable=variable, actor=self.access.actor)
        context: dict[str, Any] = {"row": self.row(variable), "value": value}
        if request.headers.get("HX-Request") == "true":
            response = self.render_part(request, "environment/_value.html", **context)
        else:
            response = self.render(request, "environment/value.html", **context)
        # SECURITY: the value stays out of every cache.
        response["Cache-Control"] = "no-store"
        return response


class Effective(EnvironmentPage):
    """What a code location gets, and where each part of it comes from."""

    permissions: ClassVar = {"GET": Permission.ENVIRONMENT_READ}

    def get(self, request: HttpRequest) -> HttpResponse:
        names = self.location_names()
        name = request.GET.get("location", names[0] if names else "")
        if name and name not in names:
            raise NotFoundError(f"There is no code location {name} in this deployment.")
        found = self._effective(name) if name else []
        lines = [
            (line, self.row(line.variable) if line.variable else None, [self.row(beaten) for beaten in line.beaten])
            for line in found
        ]
        return self.render(request, "environment/effective.html", names=names, name=name, lines=lines)

    def _effective(self, name: str) -> list[EffectiveVariable]:
        location = self.visible.location(name)
        known = selectors.visible_variables(self.access, self.deployment)
        version = location.desired or location.current
        return effective(self.deployment, location, version, known, branch_context(self.deployment))
