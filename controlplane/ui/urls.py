"""Routes of the pages. `/<org>/<deployment>/…` is open-ended, so everything else of the installation comes before it."""

from django.urls import URLPattern, URLResolver, include, path

from controlplane.runs import stream
from controlplane.ui.pages import (
    account,
    agents,
    asset,
    assets,
    jobs,
    launchpad,
    lineage,
    locations,
    overview,
    palette,
    run_logs,
    runs,
    settings_audit,
    settings_general,
    settings_quotas,
)
from controlplane.ui.pages import run as run_pages

_deployment: list[URLPattern | URLResolver] = [
    path("", overview.Overview.as_view(), name="overview"),
    path("live", stream.runs_live, name="live"),
    path("palette", palette.Palette.as_view(), name="palette"),
    path("assets", assets.Assets.as_view(), name="assets"),
    path("assets/<path:key>", asset.Asset.as_view(), name="asset"),
    path("asset", asset.Asset.as_view(), name="asset-by-key"),
    path("lineage", lineage.Lineage.as_view(), name="lineage"),
    path("lineage/statuses", lineage.Statuses.as_view(), name="lineage-statuses"),
    path("jobs", jobs.Jobs.as_view(), name="jobs"),
    path("jobs/<path:location>/<str:name>", jobs.Job.as_view(), name="job"),
    path("job", jobs.Job.as_view(), name="job-by-name"),
    path("launchpad", launchpad.Launchpad.as_view(), name="launchpad"),
    path("launchpad/validate", launchpad.Validate.as_view(), name="launchpad-validate"),
    path("launchpad/keys", launchpad.Keys.as_view(), name="launchpad-keys"),
    path("runs", runs.Runs.as_view(), name="runs"),
    path("runs/<uuid:run_id>", run_pages.RunPage.as_view(), name="run"),
    path("runs/<uuid:run_id>/head", run_pages.RunHead.as_view(), name="run-head"),
    path("runs/<uuid:run_id>/live", stream.run_live, name="run-live"),
    path("runs/<uuid:run_id>/steps", run_pages.RunSteps.as_view(), name="run-steps"),
    path("runs/<uuid:run_id>/events", run_pages.RunEvents.as_view(), name="run-events"),
    path("runs/<uuid:run_id>/events/<int:seq>", run_pages.RunEventDetail.as_view(), name="run-event"),
    path("runs/<uuid:run_id>/config", run_pages.RunConfig.as_view(), name="run-config"),
    path("runs/<uuid:run_id>/cancel", run_pages.CancelRun.as_view(), name="run-cancel"),
    path("runs/<uuid:run_id>/re-execute", run_pages.ReexecuteRun.as_view(), name="run-reexecute"),
    path("runs/<uuid:run_id>/logs", run_logs.RunLogs.as_view(), name="run-logs"),
    path("runs/<uuid:run_id>/logs/lines", run_logs.LogLines.as_view(), name="run-log-lines"),
    path("runs/<uuid:run_id>/logs/search", run_logs.LogSearch.as_view(), name="run-log-search"),
    path("runs/<uuid:run_id>/logs/download", run_logs.LogDownload.as_view(), name="run-log-download"),
    path("code-locations", locations.Locations.as_view(), name="locations"),
    path("code-locations/<path:name>", locations.Location.as_view(), name="location"),
    path("code-location", locations.Location.as_view(), name="location-by-name"),
    path("code-location/reload", locations.Reload.as_view(), name="location-reload"),
    path("code-location/delete", locations.Delete.as_view(), name="location-delete"),
    path("agents", agents.Agents.as_view(), name="agents"),
    path("agents/tokens", agents.NewToken.as_view(), name="agent-token"),
    path("agents/tokens/<uuid:token_id>/revoke", agents.RevokeToken.as_view(), name="agent-token-revoke"),
    path("agents/<uuid:agent_id>", agents.Agent.as_view(), name="agent"),
]

_settings: list[URLPattern | URLResolver] = [
    path("", settings_general.General.as_view(), name="settings"),
    path("audit", settings_audit.Audit.as_view(), name="settings-audit"),
    path("audit/export", settings_audit.AuditExport.as_view(), name="settings-audit-export"),
    path("audit/<uuid:event_id>", settings_audit.AuditEventPage.as_view(), name="settings-audit-event"),
    path("quotas", settings_quotas.Quotas.as_view(), name="settings-quotas"),
]

_pages: list[URLPattern | URLResolver] = [
    path("<slug:org>", account.OrganizationHome.as_view(), name="organization"),
    path("<slug:org>/settings/", include(_settings)),
    path("<slug:org>/<slug:deployment>/", include(_deployment)),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", account.Home.as_view(), name="home"),
    path("", include("controlplane.ui.account_urls")),
    path("appearance", account.Appearance.as_view(), name="appearance"),
    path("", include((_pages, "pages"))),
]
