"""The JSON of source archives and of deploying several code locations at once."""

from typing import Any

from rest_framework import serializers

from controlplane.deployments.serializers import DeployLocationSerializer

# More than any repository has, and few enough to be asked for in one request.
_MAX_LOCATIONS = 500


class ArchivesSerializer(serializers.Serializer[Any]):
    """Source archives that somebody is about to deploy."""

    sha256s = serializers.ListField(
        child=serializers.CharField(max_length=64), max_length=_MAX_LOCATIONS, help_text="Of the gzipped tars' bytes."
    )


class ArchivesMissingSerializer(serializers.Serializer[Any]):
    """Those that have to be uploaded first."""

    missing = serializers.ListField(child=serializers.CharField())


class NamedDeploySerializer(DeployLocationSerializer):
    """What the code location of this name should be from now on."""

    name = serializers.CharField(max_length=200)


class DeploySerializer(serializers.Serializer[Any]):
    """What a deployment should consist of."""

    locations = serializers.ListField(child=NamedDeploySerializer(), max_length=_MAX_LOCATIONS)
    sync = serializers.BooleanField(default=False, help_text="Delete code locations that are not named here.")
    sha = serializers.CharField(
        max_length=64,
        default="",
        allow_blank=True,
        help_text="The commit: the state of a branch deployment is kept under it.",
    )
