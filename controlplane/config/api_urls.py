"""The routes below `/api/v1/`, as docs/architecture.md lists them."""

from django.urls import URLPattern, URLResolver, include, path, re_path

from controlplane.audit_log import api as audit
from controlplane.audit_log import stream_api as audit_streams
from controlplane.automation.backfills import api as backfills
from controlplane.automation.conditions import api as conditions
from controlplane.catalog import api as catalog
from controlplane.catalog import dynamic_partition_api as dynamic_partitions
from controlplane.catalog import event_api as history
from controlplane.catalog import health_api as health
from controlplane.catalog import partition_api as partitions
from controlplane.core import export_api as export
from controlplane.core.api_errors import MissingView
from controlplane.core.api_schema import schema_view
from controlplane.delivery.branches import api as branches
from controlplane.delivery.changes import api as branch_changes
from controlplane.delivery.configuration import api as configuration
from controlplane.delivery.connections import api as git
from controlplane.delivery.connections import repository_api as repositories
from controlplane.delivery.full_deployments import api as full_deployments
from controlplane.delivery.promotions import api as promotions
from controlplane.deployments import api as deployments
from controlplane.deployments import job_api as jobs
from controlplane.deployments import protection_api as protection
from controlplane.deployments import settings_api as deployment_settings
from controlplane.deployments import source_api as sources
from controlplane.dispatch import api as questions
from controlplane.environment import api as environment
from controlplane.external.reports import api as reports
from controlplane.external.wipes import api as wipes
from controlplane.fleet import api as fleet
from controlplane.fleet import serving_api as serving
from controlplane.insights import api as insights
from controlplane.runs import api as runs
from controlplane.runs import event_api as run_events
from controlplane.runs import log_api as logs
from controlplane.runs import queue_api as run_queue
from controlplane.runs.quota_api import QuotasView
from tenants import api as tenants
from tenants import organization_api as organization
from tenants import service_account_api as service_accounts
from tenants import token_api as tokens
from tenants.people import api as people
from tenants.people import grant_api as grants
from tenants.people import invitation_api as invitations
from tenants.people import role_api as roles
from tenants.people import team_api as teams

_run: list[URLPattern | URLResolver] = [
    path("", runs.RunDetailView.as_view(), name="run"),
    path("cancel/", runs.CancelView.as_view(), name="run-cancel"),
    path("priority/", run_queue.PriorityView.as_view(), name="run-priority"),
    path("re-execute/", runs.ReexecuteView.as_view(), name="run-re-execute"),
    path("events/", run_events.EventsView.as_view(), name="run-events"),
    path("steps/", run_events.StepsView.as_view(), name="run-steps"),
    path("logs/", logs.LogStreamsView.as_view(), name="run-logs"),
    path("logs/<str:stream>/", logs.LogBytesView.as_view(), name="run-log"),
    path("logs/<str:stream>/lines/", logs.LogLinesView.as_view(), name="run-log-lines"),
    path("logs/<str:stream>/search/", logs.LogSearchView.as_view(), name="run-log-search"),
]

_backfill: list[URLPattern | URLResolver] = [
    path("", backfills.BackfillView.as_view(), name="backfill"),
    path("partitions/", backfills.BackfillPartitionsView.as_view(), name="backfill-partitions"),
    path("runs/", backfills.BackfillRunsView.as_view(), name="backfill-runs"),
    path("pause/", backfills.PauseView.as_view(), name="backfill-pause"),
    path("resume/", backfills.ResumeView.as_view(), name="backfill-resume"),
    path("cancel/", backfills.CancelView.as_view(), name="backfill-cancel"),
    path("retry/", backfills.RetryView.as_view(), name="backfill-retry"),
]

_deployment: list[URLPattern | URLResolver] = [
    path("", full_deployments.DeploymentView.as_view(), name="deployment"),
    path("settings/", deployment_settings.DeploymentSettingsView.as_view(), name="deployment-settings"),
    path("configuration/", configuration.ConfigurationView.as_view(), name="configuration"),
    path("serving/", serving.ServingView.as_view(), name="deployment-serving"),
    path("freeze/", protection.FreezeView.as_view(), name="deployment-freeze"),
    path("protection/", protection.ProtectionView.as_view(), name="deployment-protection"),
    path("protection/override/", protection.OverrideView.as_view(), name="deployment-protection-override"),
    path("promotions/", promotions.PromotionsView.as_view(), name="promotions"),
    path("promotions/preview/", promotions.PromotionPreviewView.as_view(), name="promotion-preview"),
    path("promotions/<uuid:promotion_id>/", promotions.PromotionView.as_view(), name="promotion"),
    path(
        "promotions/<uuid:promotion_id>/rollback/",
        promotions.PromotionRollbackView.as_view(),
        name="promotion-rollback",
    ),
    path("deploy/", sources.DeployView.as_view(), name="deploy"),
    path("code-locations/", deployments.CodeLocationsView.as_view(), name="code-locations"),
    path("code-locations/<str:location>/", deployments.CodeLocationView.as_view(), name="code-location"),
    path("code-locations/<str:location>/reload/", deployments.ReloadView.as_view(), name="code-location-reload"),
    path("code-locations/<str:location>/rollback/", deployments.RollbackView.as_view(), name="code-location-rollback"),
    path("code-locations/<str:location>/versions/", deployments.VersionsView.as_view(), name="code-location-versions"),
    path("assets/", catalog.AssetsView.as_view(), name="assets"),
    path("assets/<path:key>/", catalog.AssetDetailView.as_view(), name="asset"),
    path("asset-events/", reports.ReportEventsView.as_view(), name="asset-events"),
    path("asset-wipes/", wipes.AssetWipesView.as_view(), name="asset-wipes"),
    path("asset-wipes/<uuid:wipe_id>/", wipes.AssetWipeView.as_view(), name="asset-wipe"),
    path("asset-evaluations/", conditions.AssetEvaluationsView.as_view(), name="asset-evaluations"),
    path("automation/", conditions.AutomationView.as_view(), name="automation"),
    path("automation/pause/", conditions.PauseView.as_view(), name="automation-pause"),
    path("asset-health/", health.AssetHealthView.as_view(), name="asset-health"),
    path("freshness-changes/", health.FreshnessChangesView.as_view(), name="freshness-changes"),
    path("asset-graph/", catalog.AssetGraphView.as_view(), name="asset-graph"),
    path("materializations/", history.MaterializationsView.as_view(), name="materializations"),
    path("observations/", history.ObservationsView.as_view(), name="observations"),
    path("checks/", catalog.ChecksView.as_view(), name="checks"),
    path("check-evaluations/", history.CheckEvaluationsView.as_view(), name="check-evaluations"),
    path("partitions/", partitions.PartitionsView.as_view(), name="partitions"),
    path("partitions/cells/", partitions.PartitionCellsView.as_view(), name="partition-cells"),
    path("", include("controlplane.automation.api_urls")),
    path("jobs/", jobs.JobsView.as_view(), name="jobs"),
    path("jobs/<str:job>/", jobs.JobDetailView.as_view(), name="job"),
    path("jobs/<str:job>/validate/", questions.ValidateConfigView.as_view(), name="job-validate"),
    path("runs/", runs.RunsView.as_view(), name="runs"),
    path("runs/<uuid:run_id>/", include(_run)),
    path("bulk-actions/", run_queue.BulkActionsView.as_view(), name="bulk-actions"),
    path("bulk-actions/preview/", run_queue.BulkActionPreviewView.as_view(), name="bulk-action-preview"),
    path("bulk-actions/<uuid:bulk_action_id>/", run_queue.BulkActionView.as_view(), name="bulk-action"),
    path("queue/", run_queue.QueueView.as_view(), name="queue"),
    path("pools/", run_queue.PoolsView.as_view(), name="pools"),
    path("pools/free/", run_queue.FreeSlotView.as_view(), name="pool-free"),
    path("dynamic-partitions/", dynamic_partitions.DynamicPartitionsView.as_view(), name="dynamic-partitions"),
    path(
        "dynamic-partitions/keys/",
        dynamic_partitions.DynamicPartitionKeysView.as_view(),
        name="dynamic-partition-keys",
    ),
    path("backfills/", backfills.BackfillsView.as_view(), name="backfills"),
    path("backfills/preview/", backfills.PreviewView.as_view(), name="backfill-preview"),
    path("backfills/<uuid:backfill_id>/", include(_backfill)),
    path("environment/", environment.VariablesView.as_view(), name="environment-variables"),
    path("environment/import/", environment.ImportView.as_view(), name="environment-import"),
    path("environment/export/", environment.ExportView.as_view(), name="environment-export"),
    path("environment/effective/", environment.EffectiveView.as_view(), name="environment-effective"),
    path("environment/agent-keys/", environment.AgentKeysView.as_view(), name="environment-agent-keys"),
    path("environment/<uuid:variable_id>/", environment.VariableView.as_view(), name="environment-variable"),
    path("environment/<uuid:variable_id>/reveal/", environment.RevealView.as_view(), name="environment-reveal"),
    path("changes/", branch_changes.ChangesView.as_view(), name="branch-changes"),
    path("changes/results/", branch_changes.ChangeResultsView.as_view(), name="branch-results"),
    path("changes/estimate/", branch_changes.ChangeEstimateView.as_view(), name="branch-estimate"),
    path("cost/", insights.DeploymentCostView.as_view(), name="cost"),
    path("cost/assets/<path:key>/", insights.AssetCostView.as_view(), name="asset-cost"),
]

_branch: list[URLPattern | URLResolver] = [
    path("", branches.BranchDeploymentView.as_view(), name="branch-deployment"),
    path("extend/", branches.ExtendView.as_view(), name="branch-deployment-extend"),
    path("close/", branches.CloseView.as_view(), name="branch-deployment-close"),
    path("approve/", branches.ApproveView.as_view(), name="branch-deployment-approve"),
    path("sleep/", branches.SleepView.as_view(), name="branch-deployment-sleep"),
    path("wake/", branches.WakeView.as_view(), name="branch-deployment-wake"),
    path("keep-awake/", branches.KeepAwakeView.as_view(), name="branch-deployment-keep-awake"),
    path("rebuild/", branches.RebuildView.as_view(), name="branch-deployment-rebuild"),
]

_people: list[URLPattern | URLResolver] = [
    path("members/", people.MembersView.as_view(), name="members"),
    path("members/<uuid:user_id>/", people.MemberView.as_view(), name="member"),
    path("members/<uuid:user_id>/rights/", people.RightsView.as_view(), name="rights"),
    path("invitations/", invitations.InvitationsView.as_view(), name="invitations"),
    path("invitations/<uuid:invitation_id>/", invitations.InvitationView.as_view(), name="invitation"),
    path("invitations/<uuid:invitation_id>/resend/", invitations.ResendView.as_view(), name="invitation-resend"),
    path("teams/", teams.TeamsView.as_view(), name="teams"),
    path("teams/<uuid:team_id>/", teams.TeamView.as_view(), name="team"),
    path("teams/<uuid:team_id>/members/", teams.TeamMembersView.as_view(), name="team-members"),
    path("teams/<uuid:team_id>/members/<uuid:user_id>/", teams.TeamMemberView.as_view(), name="team-member"),
    path("roles/", roles.RolesView.as_view(), name="roles"),
    path("roles/<uuid:role_id>/", roles.RoleView.as_view(), name="role"),
    path("grants/", grants.GrantsView.as_view(), name="grants"),
    path("grants/<uuid:grant_id>/", grants.GrantDetailView.as_view(), name="grant"),
    path("permissions/", grants.PermissionsView.as_view(), name="permissions"),
]

_git_connection: list[URLPattern | URLResolver] = [
    path("", git.GitConnectionView.as_view(), name="git-connection"),
    path("test/", git.TestConnectionView.as_view(), name="git-connection-test"),
    path("sync/", git.SyncView.as_view(), name="git-connection-sync"),
    path("webhook-secret/", git.WebhookSecretView.as_view(), name="git-connection-webhook-secret"),
    path("webhooks/", git.WebhookDeliveriesView.as_view(), name="git-connection-webhooks"),
]

_organization: list[URLPattern | URLResolver] = [
    path("", organization.OrganizationView.as_view(), name="organization"),
    path("undo-deletion/", organization.UndoDeletionView.as_view(), name="organization-undo-deletion"),
    path("logo/", organization.LogoView.as_view(), name="organization-logo"),
    path("export/", export.ExportView.as_view(), name="organization-export"),
    path("quotas/", QuotasView.as_view(), name="quotas"),
    path("", include(_people)),
    path("sso/", include("tenants.sso.api_urls")),
    path("audit-events/", audit.AuditEventsView.as_view(), name="audit-events"),
    path("audit-events/export/", audit.AuditExportView.as_view(), name="audit-export"),
    path("audit-events/<uuid:event_id>/", audit.AuditEventView.as_view(), name="audit-event"),
    path("audit-streams/", audit_streams.AuditStreamsView.as_view(), name="audit-streams"),
    path("audit-streams/<uuid:stream_id>/", audit_streams.AuditStreamView.as_view(), name="audit-stream"),
    path("audit-streams/<uuid:stream_id>/test/", audit_streams.AuditStreamTestView.as_view(), name="audit-stream-test"),
    path("git-connections/", git.GitConnectionsView.as_view(), name="git-connections"),
    path("git-connections/<uuid:git_connection_id>/", include(_git_connection)),
    path("repositories/", repositories.RepositoriesView.as_view(), name="repositories"),
    path("repositories/<uuid:repository_id>/", repositories.RepositoryView.as_view(), name="repository"),
    path("repositories/<uuid:repository_id>/reconcile/", repositories.ReconcileView.as_view(), name="reconcile"),
    path("branch-deployments/", branches.BranchDeploymentsView.as_view(), name="branch-deployments"),
    path("branch-deployments/<slug:branch>/", include(_branch)),
    path("agents/", fleet.AgentsView.as_view(), name="agents"),
    path("agents/<uuid:agent_id>/", fleet.AgentDetailView.as_view(), name="agent"),
    path("tokens/", tokens.TokensView.as_view(), name="tokens"),
    path("tokens/<uuid:token_id>/", tokens.TokenView.as_view(), name="token"),
    path("tokens/<uuid:token_id>/rotate/", tokens.RotateTokenView.as_view(), name="token-rotate"),
    path("service-accounts/", service_accounts.ServiceAccountsView.as_view(), name="service-accounts"),
    path(
        "service-accounts/<uuid:service_account_id>/",
        service_accounts.ServiceAccountView.as_view(),
        name="service-account",
    ),
    path(
        "service-accounts/<uuid:service_account_id>/tokens/",
        service_accounts.ServiceAccountTokensView.as_view(),
        name="service-account-tokens",
    ),
    path("agents/<uuid:agent_id>/block/", fleet.BlockAgentView.as_view(), name="agent-block"),
    path("source-archives/missing/", sources.MissingArchivesView.as_view(), name="source-archives-missing"),
    path("source-archives/<str:sha256>/", sources.SourceArchiveView.as_view(), name="source-archive"),
    path("deployments/", full_deployments.DeploymentsView.as_view(), name="deployments"),
    path("deployment-deletions/", full_deployments.DeploymentDeletionsView.as_view(), name="deployment-deletions"),
    path("deployments/<slug:deployment>/", include(_deployment)),
]

app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", schema_view, name="schema"),
    path("organizations/", tenants.OrganizationsView.as_view(), name="organizations"),
    path("organizations/<slug:org>/", include(_organization)),
    re_path("", MissingView.as_view(), name="missing"),
]
