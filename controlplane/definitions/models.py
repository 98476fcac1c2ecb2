"""Content-addressed definitions: which manifests and snapshots an organization has in the object store."""

from django.db import models

from tenants.scoping import TenantModel


class DefinitionsFile(TenantModel):
    """One manifest or snapshot. The bytes are in the object store, under organization and hash."""

    pk = models.CompositePrimaryKey("org_id", "sha256")
    sha256 = models.CharField(max_length=64)
    bytes = models.BigIntegerField()
    stored_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        db_table = "definitions_file"
