"""Connections to Git hosts, the repositories they reach, and the pull requests we know of."""

from django.db import models
from django.utils import timezone

from controlplane.deployments.models import Deployment
from tenants.ids import uuid7
from tenants.scoping import TenantModel


class Provider(models.TextChoices):
    """Git hosts that we speak to (hosts/)."""

    GITHUB = "github", "GitHub"
    GITLAB = "gitlab", "GitLab"


class GitConnection(TenantModel):
    """One installation of our GitHub App, or one GitLab token, and the secret its webhooks are signed with."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.CharField(max_length=10, choices=Provider.choices)
    name = models.CharField(max_length=100)
    # `https://api.github.com`, `https://gitlab.example.com/api/v4`.
    api_url = models.CharField(max_length=300)
    # Of a GitHub App.
    app_id = models.CharField(max_length=50, blank=True)
    installation_id = models.CharField(max_length=50, blank=True)
    # Sealed (tenants/sealing.py): the app's private key, or the access token; and the webhook secret.
    sealed_credential = models.BinaryField()
    sealed_webhook_secret = models.BinaryField()
    # Why the host refuses us; empty while it does not. `gone_at`: the app was uninstalled, the token revoked.
    error = models.CharField(max_length=500, blank=True)
    gone_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=254)

    class Meta(TenantModel.Meta):
        db_table = "git_connection"
        constraints = [models.UniqueConstraint(fields=["org_id", "name"], name="git_connection_name_once")]


class BranchMode(models.TextChoices):
    """For which pull requests of a repository there are branch deployments."""

    OFF = "off", "Off"
    LABEL = "label", "Those with a label"
    AUTOMATIC = "automatic", "All"


class CommentMode(models.TextChoices):
    """When the comment of a pull request is written."""

    ALWAYS = "always", "Always"
    ON_CHANGE = "on_change", "When the code defines something else"
    ON_FAILURE = "on_failure", "When something failed"
    OFF = "off", "Never"


class Repository(TenantModel):
    """One repository of a connection. Known by the host's own id, so that a renamed or transferred one stays the same."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(
        GitConnection, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    external_id = models.CharField(max_length=50)
    full_name = models.CharField(max_length=300)
    default_branch = models.CharField(max_length=300)
    web_url = models.CharField(max_length=500)
    # Since when the host says that there is no such repository, or not for us.
    gone_at = models.DateTimeField(null=True)

    # The full deployment that its branch deployments belong to; null while nobody has chosen one.
    base = models.ForeignKey(
        Deployment, null=True, on_delete=models.SET_NULL, db_constraint=False, db_index=False, related_name="+"
    )
    # Whether a push to the default branch is deployed to the base.
    deploys_default_branch = models.BooleanField(default=False)
    mode = models.CharField(max_length=10, choices=BranchMode.choices, default=BranchMode.OFF)
    label = models.CharField(max_length=100, default="preview")
    exclude_labels = models.JSONField(default=list)
    comment_mode = models.CharField(max_length=10, choices=CommentMode.choices, default=CommentMode.ALWAYS)
    # Null: never.
    sleep_after_seconds = models.PositiveIntegerField(null=True, default=3600)
    expire_after_seconds = models.PositiveIntegerField(null=True, default=7 * 86_400)

    # The host was asked for all open pull requests; and when to ask again.
    reconciled_at = models.DateTimeField(null=True)
    reconcile_due_at = models.DateTimeField(default=timezone.now)
    error = models.CharField(max_length=500, blank=True)
    # The commit of the default branch that was deployed last, and the newest that is known.
    deployed_sha = models.CharField(max_length=64, blank=True)
    head_sha = models.CharField(max_length=64, blank=True)
    # When the host was asked for that head: of two workers, the one that asked later is right.
    head_asked_at = models.DateTimeField(null=True)
    # The commit that cannot be deployed as it is, and why: it is not tried again.
    failed_sha = models.CharField(max_length=64, blank=True)
    failed_why = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        db_table = "git_repository"
        constraints = [
            models.UniqueConstraint(fields=["org_id", "connection", "external_id"], name="git_repository_once")
        ]
        indexes = [models.Index(fields=["org_id", "reconcile_due_at"], name="git_repository_due")]


class PullRequestState(models.TextChoices):
    """What the host says of it."""

    OPEN = "open", "Open"
    CLOSED = "closed", "Closed"
    MERGED = "merged", "Merged"
    # The host knows it no more: the repository was deleted, or the app uninstalled.
    GONE = "gone", "Gone"


class DeliveryState(models.TextChoices):
    """How far the head of a pull request has come."""

    # Nothing is deployed for it: mode, labels or no Dagster project in it say so; `delivery_note` tells which.
    NONE = "none", "Not deployed"
    HELD = "held", "Waiting for approval"
    QUEUED = "queued", "Queued"
    # Fetching, packing, deploying; then agents load.
    BUILDING = "building", "Building"
    LOADING = "loading", "Loading"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"
    # It ended, and so does what was made for it.
    CLOSING = "closing", "Closing"
    CLOSED = "closed", "Closed"


class PullRequest(TenantModel):
    """One pull request: what the host says of it, what we made of it, and what we told the host."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    repository = models.ForeignKey(
        Repository, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=PullRequestState.choices)
    title = models.CharField(max_length=300)
    url = models.CharField(max_length=500)
    author = models.CharField(max_length=200)
    head_sha = models.CharField(max_length=64)
    head_branch = models.CharField(max_length=300)
    # Empty when the fork was deleted.
    head_repository = models.CharField(max_length=300, blank=True)
    base_branch = models.CharField(max_length=300)
    is_fork = models.BooleanField()
    labels = models.JSONField(default=list)
    # The host's own time of its last change: older news changes nothing.
    updated_at = models.DateTimeField()

    # Since when the host says that there is no such pull request.
    gone_at = models.DateTimeField(null=True)
    # What .daggerboard.yaml says of it, as branch_file.py stores it, and the head for which it was read.
    branch_file = models.JSONField(null=True)
    branch_file_sha = models.CharField(max_length=64, blank=True)

    # SECURITY: a fork's commit is deployed only when somebody approved this very commit.
    approved_sha = models.CharField(max_length=64, blank=True)
    approved_by = models.CharField(max_length=254, blank=True)

    deployment_id = models.UUIDField(null=True)
    delivery_state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.NONE)
    delivery_note = models.TextField(blank=True)
    # The commit that `delivery_state` is about, and since when it is so by phase: queued, built, loaded.
    delivered_sha = models.CharField(max_length=64, blank=True)
    phases = models.JSONField(default=dict)
    # Build directories of its code locations in the repository, by name.
    layout = models.JSONField(default=dict)
    # When something has to be done about it; null when nothing has. Whoever does it moves it on first (a lease).
    work_due_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)

    # What the host has of us: the sticky comment, checks and deployment objects by code location, and hashes of what they say.
    comment_id = models.CharField(max_length=50, blank=True)
    comment_sha256 = models.CharField(max_length=64, blank=True)
    checks = models.JSONField(default=dict)
    host_deployments = models.JSONField(default=dict)
    # The branch's state and expiry when the host was told last: where they differ, it is told again.
    reported_state = models.CharField(max_length=10, blank=True)
    # Why the host could not be told; empty while it could.
    report_error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        db_table = "pull_request"
        constraints = [models.UniqueConstraint(fields=["org_id", "repository", "number"], name="pull_request_once")]
        indexes = [
            models.Index(
                fields=["org_id", "work_due_at"], name="pull_request_due", condition=models.Q(work_due_at__isnull=False)
            ),
            models.Index(fields=["org_id", "deployment_id"], name="pull_request_of_deployment"),
        ]


class BranchLife(TenantModel):
    """What delivery does at the beginning and the end of a branch deployment, and how far it is. Without a row: the defaults."""

    deployment = models.OneToOneField(
        Deployment, primary_key=True, on_delete=models.CASCADE, db_constraint=False, related_name="+"
    )
    # Seconds without activity after which it is closed; null for never.
    expire_after_seconds = models.PositiveIntegerField(null=True)
    # Jobs run when it has loaded for the first time, and before it ends, as {"location", "job"}; null for none.
    on_create = models.JSONField(null=True)
    on_close = models.JSONField(null=True)
    create_run_id = models.UUIDField(null=True)
    create_error = models.TextField(blank=True)
    close_run_id = models.UUIDField(null=True)
    close_attempts = models.PositiveIntegerField(default=0)
    close_error = models.TextField(blank=True)
    # Until when its end waits for runs and the job, and no longer.
    close_deadline = models.DateTimeField(null=True)
    # When somebody looks at it next; null when nothing is to be done. Whoever looks moves it on first (a lease).
    due_at = models.DateTimeField(null=True)
    # What was due could not be done: until then others come first.
    put_off_until = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "branch_life"
        indexes = [
            models.Index(fields=["org_id", "due_at"], name="branch_life_due", condition=models.Q(due_at__isnull=False))
        ]


class WebhookDelivery(TenantModel):
    """One webhook that was verified. Its id is the host's: a replayed one changes nothing."""

    pk = models.CompositePrimaryKey("org_id", "connection_id", "delivery_id")
    connection = models.ForeignKey(
        GitConnection, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    delivery_id = models.CharField(max_length=100)
    event = models.CharField(max_length=60)
    # What hosts.base.News of it is, as JSON; the body itself is not kept.
    news = models.JSONField(default=dict)
    received_at = models.DateTimeField(default=timezone.now)
    handled_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "webhook_delivery"
        indexes = [
            models.Index(
                fields=["org_id", "received_at"], name="webhook_delivery_waiting", condition=models.Q(handled_at=None)
            )
        ]
