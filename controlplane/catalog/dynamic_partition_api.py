"""REST: dynamic partitions: which there are, their keys, adding and deleting some."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.catalog import dynamic_partitions
from controlplane.catalog.dynamic_partitions import KEYS_MAX
from controlplane.deployments.http import DeploymentAPIView
from tenants.http import valid_body, valid_query
from tenants.paging import PAGE_PARAMETERS, page_of_rows, page_request, page_response, page_schema
from tenants.permissions import Permission
from tenants.scoping import org_scope


class DynamicPartitionsSerializer(serializers.Serializer[Any]):
    """A dynamic partitions definition, with what is partitioned by it."""

    name = serializers.CharField()
    count = serializers.IntegerField()
    assets = serializers.ListField(child=serializers.CharField())
    jobs = serializers.ListField(child=serializers.CharField())


class DynamicPartitionSerializer(serializers.Serializer[Any]):
    """One key, and when it was added."""

    partition_key = serializers.CharField()
    created_at = serializers.DateTimeField()


class DynamicKeysQuerySerializer(serializers.Serializer[Any]):
    """Whose keys; `q` is text in them."""

    definition = serializers.CharField()
    q = serializers.CharField(required=False, allow_blank=True)


class DynamicKeysSerializer(serializers.Serializer[Any]):
    """Keys of one definition."""

    definition = serializers.CharField()
    keys = serializers.ListField(child=serializers.CharField(trim_whitespace=False), min_length=1, max_length=KEYS_MAX)


class ChangedDynamicKeysSerializer(serializers.Serializer[Any]):
    """What was changed."""

    definition = serializers.CharField()
    keys = serializers.ListField(child=serializers.CharField())


class DynamicPartitionsView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.ASSET_READ}

    @extend_schema(operation_id="list_dynamic_partitions", responses=DynamicPartitionsSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The dynamic partitions definitions of the deployment."""
        found = dynamic_partitions.definitions(self.visible)
        return Response(DynamicPartitionsSerializer(found, many=True).data)


class DynamicPartitionKeysView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.ASSET_READ,
        "POST": Permission.PARTITION_WRITE,
        "DELETE": Permission.PARTITION_WRITE,
    }

    @extend_schema(
        operation_id="list_dynamic_partition_keys",
        parameters=[DynamicKeysQuerySerializer, *PAGE_PARAMETERS],
        responses=page_schema(DynamicPartitionSerializer),
    )
    def get(self, request: Request) -> Response:
        """The keys of one definition, in the order in which they were added."""
        asked = valid_query(DynamicKeysQuerySerializer, request)
        rows = dynamic_partitions.keys(self.visible, asked["definition"], q=asked.get("q", ""))
        with org_scope(self.org_id):
            page = page_of_rows(rows, page_request(request), by=["position", "partition_key"])
        return page_response(request, page, DynamicPartitionSerializer)

    @extend_schema(
        operation_id="add_dynamic_partitions",
        request=DynamicKeysSerializer,
        responses={201: ChangedDynamicKeysSerializer},
    )
    def post(self, request: Request) -> Response:
        """Add keys. The answer has those that were new."""
        return self._changed(request, dynamic_partitions.add, status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="delete_dynamic_partitions",
        request=DynamicKeysSerializer,
        responses={200: ChangedDynamicKeysSerializer},
    )
    def delete(self, request: Request) -> Response:
        """Delete keys. The answer has those that were there; what was made of them stays in the history."""
        return self._changed(request, dynamic_partitions.delete, status.HTTP_200_OK)

    def _changed(self, request: Request, change: Any, code: int) -> Response:
        asked = valid_body(DynamicKeysSerializer, request)
        name = asked["definition"]
        changed = change(self.visible, name, asked["keys"], actor=self.access.actor)
        return Response({"definition": name, "keys": changed}, status=code)
