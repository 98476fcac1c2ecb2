"""REST: the quotas of an organization."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.runs.quota_usage import quota_use
from tenants.http import OrgAPIView
from tenants.limits.models import QuotaName
from tenants.permissions import Permission


class QuotaSerializer(serializers.Serializer[Any]):
    """A quota and what is used of it."""

    name = serializers.ChoiceField(QuotaName.choices, source="quota.name")
    title = serializers.CharField(source="quota.name.label", help_text="The name, for people.")
    limit = serializers.IntegerField(source="quota.limit", allow_null=True, help_text="Null for no limit.")
    is_own = serializers.BooleanField(source="quota.is_own", help_text="Set for this organization, not for all.")
    used = serializers.IntegerField(allow_null=True, help_text="Null for rates: of them nothing is used up.")


class QuotasView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.ORGANIZATION_READ}

    @extend_schema(operation_id="list_quotas", responses=QuotaSerializer(many=True))
    def get(self, request: Request) -> Response:
        """What the organization may use, and uses. Whoever runs the installation sets it: `daggerboard quota`."""
        return Response(QuotaSerializer(quota_use(self.access.org.id), many=True).data)
