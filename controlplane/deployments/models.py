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
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        db_table = "deployment"
        constraints = [models.UniqueConstraint(fields=["org_id", "name"], name="deployment_name_once")]

    @property
    def place(self) -> Place:
        """The deployment as grants see it."""
        return Place(id=self.id, is_branch=self.kind == DeploymentKind.BRANCH, parent_id=self.parent_id)


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
    deployed_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(default=timezone.now)

    state = models.CharField(max_length=10, choices=VersionState.choices, default=VersionState.PENDING)
    error = models.JSONField(null=True)
    load_seconds = models.FloatField(null=True)
    loaded_at = models.DateTimeField(null=True)
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
