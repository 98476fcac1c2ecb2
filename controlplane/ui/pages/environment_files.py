"""Environment variables as files: importing a `.env` with a look at what it would do, and downloading one."""

from typing import ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from controlplane.environment import selectors, services
from controlplane.environment.dotenv_text import env_text
from controlplane.environment.imports import Outcome, PlannedLine, import_text, plan_import
from controlplane.ui.environment_form import VariableForm
from controlplane.ui.pages.environment import EnvironmentPage
from tenants.errors import AppError, ConflictError, InvalidError
from tenants.permissions import Permission


class ImportVariables(EnvironmentPage):
    """Shows what each line would do; then does all of it or nothing."""

    permissions: ClassVar = {"GET": Permission.SECRET_WRITE, "POST": Permission.SECRET_WRITE}

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._show(request, VariableForm(full=False, local=True))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = VariableForm.typed(request.POST)
        text = request.POST.get("text", "").replace("\r\n", "\n")
        arguments = (self.access, self.deployment, text)
        try:
            scopes, locations = form.scopes(), form.locations
            services.check_place(self.deployment, scopes, locations)
            plan = plan_import(*arguments, scopes, locations)
            if "confirm" in request.POST and not any(line.outcome == Outcome.ERROR for line in plan):
                import_text(*arguments, scopes, locations)
                messages.success(request, f"Imported {len(plan)} variables. Code locations load anew with them.")
                return redirect(self.links.page("environment"))
        except (InvalidError, ConflictError) as error:
            return self._show(request, form, text=text, error=error)
        return self._show(request, form, text=text, plan=plan)

    def _show(
        self,
        request: HttpRequest,
        form: VariableForm,
        *,
        text: str = "",
        plan: list[PlannedLine] | None = None,
        error: AppError | None = None,
    ) -> HttpResponse:
        wrong = sum(line.outcome == Outcome.ERROR for line in plan or [])
        context = {**self.form_context(form), "text": text, "plan": plan, "wrong": wrong, "error": error}
        response = self.render(request, "environment/import.html", status=400 if error else 200, **context)
        # SECURITY: what was typed is shown again, so that it can be corrected.
        response["Cache-Control"] = "no-store"
        return response


class ExportVariables(EnvironmentPage):
    """Downloads the variables for developers' machines. The names that were read are in the audit log."""

    permissions: ClassVar = {"POST": Permission.SECRET_READ}

    def post(self, request: HttpRequest) -> HttpResponse:
        found = selectors.readable_of_scope(self.access, self.deployment, "local")
        values = services.export_values(deployment=self.deployment, variables=found, actor=self.access.actor)
        response = HttpResponse(env_text(sorted(values.items())), content_type="text/plain; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="env.txt"'
        response["Cache-Control"] = "no-store"
        return response
