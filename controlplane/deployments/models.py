"""Deployments, their code locations, and each location's versions."""

from django.db import models
from django.utils import timezone

from tenants.grants import Place
from tenants.ids import uuid7
from tenants.scoping import TenantModel


class DeploymentKind(models.TextChoices):
    """A full deployment lives until it is deleted; a branch deployment belongs to a pull request."""

    FULL = "full", "Full deployment"
    BRANCH = "branch", "Branch deployment"


class Deployment(TenantModel):
    """A place where code locations live and runs happen."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.SlugField(max_length=100, db_index=False)
    kind = models.CharField(max_length=10, choices=DeploymentKind.choices, default=DeploymentKind.FULL)
    # The full deployment that a branch deployment belongs to.
    parent_id = models.UUIDField(null=True)
    # SECURITY: as of its BranchDeployment, here for those who decide by it in SQL which agents it reaches.
    is_fork = models.BooleanField(default=False, db_default=False)
    description = models.CharField(max_length=500, blank=True)
    # Agents load what is in a deployment while it is awake; its pages need nobody awake.
    is_awake = models.BooleanField(default=True, db_default=True)
    # Read-only from then on: nothing is deployed, launched or changed in it.
    frozen_at = models.DateTimeField(null=True)
    frozen_by = models.CharField(max_length=254, blank=True)
    frozen_reason = models.CharField(max_length=500, blank=True)
    # protection.Protection as JSON: who may deploy, when nobody may, what must have passed.
    protection = models.JSONField(default=dict)
    # protecting.Override as JSON: an Admin who goes past the rules for a while, and why.
    protection_override = models.JSONField(null=True)
    # settings_document.py: what somebody set; what is absent is the default.
    settings = models.JSONField(default=dict)
    # catalog.changes.Consumer: who wants to hear of every change of an asset in here.
    watchers = models.JSONField(default=list, db_default=[])
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        db_table = "deployment"
        constraints = [models.UniqueConstraint(fields=["org_id", "name"], name="deployment_name_once")]

    @property
    def place(self) -> Place:
        """The deployment as grants see it."""
        is_branch = self.kind == DeploymentKind.BRANCH
        return Place(id=self.id, is_branch=is_branch, parent_id=self.parent_id, is_fork=self.is_fork)


class CodeLocation(TenantModel):
    """A named piece of user code. `desired` is what should be loaded; `current` is the newest version that did load and serves."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    deployment = models.ForeignKey(
        Deployment, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    name = models.CharField(max_length=200)
    queue = models.CharField(max_length=100, default="default")
    desired = models.ForeignKey(
        "LocationVersion", null=True, on_delete=models.SET_NULL, db_constraint=False, db_index=False, related_name="+"
    )
    current = models.ForeignKey(
        "LocationVersion", null=True, on_delete=models.SET_NULL, db_constraint=False, db_index=False, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        db_table = "code_location"
        constraints = [models.UniqueConstraint(fields=["org_id", "deployment", "name"], name="code_location_name_once")]


class VersionState(models.TextChoices):
    """Where a version is on its way to serving."""

    PENDING = "pending", "Waiting for an agent"
    LOADING = "loading", "Loading"
    LOADED = "loaded", "Loaded"
    FAILED = "failed", "Failed to load"


class LocationVersion(TenantModel):
    """One deploy of a code location: what to load, and what came of it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    location = models.ForeignKey(
        CodeLocation, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    number = models.PositiveIntegerField()
    # agent.protocol.Target as JSON.
    target = models.JSONField()
    git_commit = models.CharField(max_length=64, blank=True)
    git_url = models.CharField(max_length=500, blank=True)
    # git_facts.GitFacts as JSON: what else is known of the commit.
    git = models.JSONField(default=dict)
    # Where the code is: a SourceArchive, an image, or neither for files of the agent's machine.
    source_sha256 = models.CharField(max_length=64, blank=True)
    image = models.CharField(max_length=500, blank=True)
    # How platforms run it, as in dagster_cloud.yaml: k8s, docker, ecs.
    container_context = models.JSONField(default=dict)
    # The version whose code this one brings back, for a rollback; the one it was promoted from, for a promotion.
    rolled_back_to = models.PositiveIntegerField(null=True)
    promoted_from_id = models.UUIDField(null=True)
    deployed_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(default=timezone.now)

    state = models.CharField(max_length=10, choices=VersionState.choices, default=VersionState.PENDING)
    error = models.JSONField(null=True)
    load_seconds = models.FloatField(null=True)
    loaded_at = models.DateTimeField(null=True)
    # Seconds by agent.protocol.DeployPhase, and `queued`: until an agent began.
    phases = models.JSONField(default=dict)
    dagster_version = models.CharField(max_length=40, blank=True)
    python_version = models.CharField(max_length=40, blank=True)
    worker_mode = models.CharField(max_length=12, blank=True)
    worker_mode_reason = models.CharField(max_length=500, blank=True)
    counts = models.JSONField(default=dict)
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    snapshot_sha256 = models.CharField(max_length=64, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "location_version"
        constraints = [
            models.UniqueConstraint(fields=["org_id", "location", "number"], name="location_version_number_once")
        ]
        indexes = [
            # Agents ask whether they may have an archive, the sweep whether anybody may.
            models.Index(
                fields=["org_id", "source_sha256"],
                name="location_version_of_source",
                condition=~models.Q(source_sha256=""),
            )
        ]


class SourceArchive(TenantModel):
    """The files of a project as a gzipped tar in the object store, named by the sha256 of its bytes and kept once."""

    pk = models.CompositePrimaryKey("org_id", "sha256")
    sha256 = models.CharField(max_length=64)
    bytes = models.BigIntegerField()
    uploaded_at = models.DateTimeField(default=timezone.now)
    # When a version was last made of it: what nobody uses for long is swept away.
    used_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        db_table = "source_archive"


class BranchState(models.TextChoices):
    """The life of a branch deployment."""

    # A fork's commit waits for somebody's approval; nothing of it was deployed.
    HELD = "held", "Waiting for approval"
    ACTIVE = "active", "Active"
    SLEEPING = "sleeping", "Sleeping"
    # Its pull request ended or its time is up: what it made is being taken away by its own job.
    CLOSING = "closing", "Closing"
    # Its pages still open, from stored definitions; it can be opened again.
    ARCHIVED = "archived", "Archived"


class PullRequestStatus(models.TextChoices):
    """As Dagster+ spells it; empty for a branch without a pull request."""

    OPEN = "OPEN", "Open"
    CLOSED = "CLOSED", "Closed"
    MERGED = "MERGED", "Merged"


class BranchDeployment(TenantModel):
    """What makes a deployment a branch deployment: whose branch, since when, for how long. Keyed by repository and number, or by branch."""

    deployment = models.OneToOneField(
        Deployment, primary_key=True, on_delete=models.CASCADE, db_constraint=False, related_name="+"
    )
    # `owner/name` as the Git host or CI says it; the connected repository when there is one (delivery.models.Repository).
    repository = models.CharField(max_length=300)
    repository_id = models.UUIDField(null=True)
    pull_request = models.PositiveIntegerField(null=True)
    pull_request_status = models.CharField(max_length=8, choices=PullRequestStatus.choices, blank=True)
    pull_request_url = models.CharField(max_length=500, blank=True)
    branch = models.CharField(max_length=300)
    branch_url = models.CharField(max_length=500, blank=True)
    title = models.CharField(max_length=300, blank=True)
    head_sha = models.CharField(max_length=64, blank=True)
    # git_facts.GitFacts of the head.
    git = models.JSONField(default=dict)
    # SECURITY: from a fork. It gets no secrets, and only what was approved by commit is deployed.
    is_fork = models.BooleanField(default=False)

    state = models.CharField(max_length=10, choices=BranchState.choices, default=BranchState.ACTIVE)
    # Where the branch left the base, and what the base defined there: manifest sha256 by code location. The left side of the diff.
    merge_base_sha = models.CharField(max_length=64, blank=True)
    base_manifests = models.JSONField(null=True)
    # How exact that is, for people; empty when it is the merge base's own.
    base_note = models.CharField(max_length=500, blank=True)

    created_by = models.CharField(max_length=254, blank=True)
    # Something was wanted of it: a deploy, a run, somebody who woke it.
    active_at = models.DateTimeField(default=timezone.now)
    # Null: it never sleeps, never expires.
    sleep_after_seconds = models.PositiveIntegerField(null=True, default=3600)
    expires_at = models.DateTimeField(null=True)
    warned_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    close_reason = models.CharField(max_length=300, blank=True)
    archived_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "branch_deployment"
        constraints = [
            models.UniqueConstraint(
                fields=["org_id", "repository", "pull_request"],
                name="branch_of_pull_request_once",
                condition=models.Q(pull_request__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["org_id", "repository", "branch"],
                name="branch_of_branch_once",
                condition=models.Q(pull_request=None),
            ),
        ]
        indexes = [
            models.Index(fields=["org_id", "state"], name="branch_by_state"),
            # Sweeps of all organizations ask for these every few seconds, and most branches are none of them.
            models.Index(fields=["org_id", "active_at"], name="branch_awake", condition=models.Q(state="active")),
            models.Index(fields=["org_id"], name="branch_closing", condition=models.Q(state="closing")),
            models.Index(
                fields=["org_id", "expires_at"],
                name="branch_expires",
                condition=models.Q(state__in=["active", "sleeping", "held"]),
            ),
            models.Index(
                fields=["org_id", "archived_at"], name="branch_archived", condition=models.Q(state="archived")
            ),
        ]


class BranchRevision(TenantModel):
    """What a branch deployment consisted of at one commit: the page `/<org>/d/<name>@<sha>` shows it for ever."""

    pk = models.CompositePrimaryKey("org_id", "deployment_id", "sha")
    deployment = models.ForeignKey(
        Deployment, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    sha = models.CharField(max_length=64)
    # Ids of versions by code location, and the sha256 of what those defined that were deleted since.
    versions = models.JSONField(default=dict)
    manifests = models.JSONField(default=dict)
    # The base as it was then; null while none was known.
    merge_base_sha = models.CharField(max_length=64, blank=True)
    base_manifests = models.JSONField(null=True)
    base_note = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        db_table = "branch_revision"


class DeploymentDeletion(TenantModel):
    """What is left to do after a deployment was deleted: its runs end, then its history goes. The last thing to go is this row."""

    # The deployment's id, of which nothing else is left in sight.
    deployment_id = models.UUIDField(primary_key=True)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=DeploymentKind.choices)
    asked_by = models.CharField(max_length=254)
    asked_at = models.DateTimeField(default=timezone.now)
    # When somebody works on it next; whoever does moves it on first (a lease).
    due_at = models.DateTimeField(default=timezone.now)
    runs_total = models.BigIntegerField(default=0)
    runs_left = models.BigIntegerField(default=0)
    # What it waits for; empty while it works.
    note = models.CharField(max_length=300, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "deployment_deletion"
        indexes = [models.Index(fields=["org_id", "due_at"], name="deployment_deletion_due")]


class PromotionState(models.TextChoices):
    """How far a promotion has come. The last three are ends."""

    QUEUED = "queued", "Queued"
    LOADING = "loading", "Waiting for agents to load it"
    SMOKE = "smoke", "Running the smoke job"
    # It failed, and what was there before is being put back.
    ROLLING_BACK = "rolling_back", "Rolling back"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    ROLLED_BACK = "rolled_back", "Rolled back"


class Promotion(TenantModel):
    """Code of one deployment put into another: deployed, loaded, tried with a smoke job, and taken back when it does not work."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Into which.
    deployment = models.ForeignKey(
        Deployment, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    # From which; it may be gone by now.
    source_id = models.UUIDField()
    source_name = models.CharField(max_length=100)
    state = models.CharField(max_length=12, choices=PromotionState.choices, default=PromotionState.QUEUED)
    # By code location: {"from": version id, "before": version id or null, "version": the id it got here}.
    locations = models.JSONField()
    # The job that must succeed, as {"location", "job"}; null for none. And the run of it.
    smoke_job = models.JSONField(null=True)
    smoke_run_id = models.UUIDField(null=True)
    rolls_back = models.BooleanField(default=False)
    # Why it ended or what it waits for, for people.
    message = models.TextField(blank=True)
    # Why an Admin went past the protection rules.
    override_reason = models.CharField(max_length=500, blank=True)
    # tenants.access.Actor.
    actor_kind = models.CharField(max_length=12)
    actor_id = models.UUIDField(null=True)
    actor_label = models.CharField(max_length=254)
    created_at = models.DateTimeField(default=timezone.now)
    # Since when it is in this state; when it has to be looked at again, null once it ended; when it ended.
    since = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(null=True, default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "promotion"
        indexes = [
            models.Index(fields=["org_id", "deployment", "-id"], name="promotion_newest"),
            models.Index(fields=["org_id", "due_at"], name="promotion_due", condition=models.Q(due_at__isnull=False)),
        ]
        constraints = [
            # Two promotions into one deployment at once would take back each other's versions.
            models.UniqueConstraint(
                fields=["org_id", "deployment"], name="promotion_one_at_a_time", condition=models.Q(ended_at=None)
            )
        ]


class RetentionMark(TenantModel):
    """How far a deployment's history of one kind was deleted (settings_document.RETAINED)."""

    pk = models.CompositePrimaryKey("org_id", "deployment_id", "kind")
    deployment_id = models.UUIDField()
    kind = models.CharField(max_length=16)
    before = models.DateTimeField()
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        db_table = "retention_mark"
