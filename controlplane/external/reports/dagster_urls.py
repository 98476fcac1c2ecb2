"""Where dagster's own clients report events about external assets."""

from django.urls import URLPattern, path

from controlplane.external.reports import dagster_api as api

app_name = "dagster-reports"
_VIEWS = {
    "report_asset_materialization": api.ReportMaterializationView,
    "report_asset_observation": api.ReportObservationView,
    "report_asset_check": api.ReportCheckView,
}
urlpatterns: list[URLPattern] = [
    path(f"<slug:org>/<slug:deployment>/{name}/{rest}", view.as_view(), name=f"{name}{'-of' if rest else ''}")
    for name, view in _VIEWS.items()
    for rest in ("", "<path:asset_key>")
]
