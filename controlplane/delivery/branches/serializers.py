"""The JSON of branch deployments."""

from typing import Any

import msgspec
from rest_framework import serializers

from controlplane.delivery.branches.ci import MergeBase
from controlplane.delivery.branches.opening import Wishes, default_wishes
from controlplane.delivery.branches.selectors import BranchView
from controlplane.delivery.models import DeliveryState
from controlplane.deployments.branches import BranchFacts
from controlplane.deployments.git_facts import GitFacts
from controlplane.deployments.models import BranchState, PullRequestStatus
from controlplane.deployments.serializers import GitFactsSerializer

_MAX_SHA = 64
_YEAR = 366 * 86_400


class HookSerializer(serializers.Serializer[Any]):
    """A job of the user's own that is run at the beginning or the end of a branch deployment."""

    location = serializers.CharField(max_length=200)
    job = serializers.CharField(max_length=500)


class DeliverySerializer(serializers.Serializer[Any]):
    """How far the head of its pull request has come."""

    state = serializers.ChoiceField(DeliveryState.choices, source="delivery_state")
    note = serializers.CharField(source="delivery_note", help_text="Why it is so, for people.")
    sha = serializers.CharField(source="delivered_sha", help_text="The commit that `state` is about.")
    phases = serializers.DictField(help_text="When it was queued, built and loaded, in Unix seconds.")
    awaits_approval = serializers.SerializerMethodField(help_text="The commit of a fork that somebody has to approve.")
    report_error = serializers.CharField(help_text="Why the Git host could not be told; empty while it could.")

    def get_awaits_approval(self, pull: Any) -> str:
        return pull.head_sha if pull.delivery_state == DeliveryState.HELD else ""


class LifeSerializer(serializers.Serializer[Any]):
    """Its jobs at the beginning and the end, and what came of them."""

    expire_after_seconds = serializers.IntegerField(allow_null=True, help_text="Without activity; null for never.")
    on_create = HookSerializer(allow_null=True)
    on_create_run_id = serializers.UUIDField(source="create_run_id", allow_null=True)
    on_create_error = serializers.CharField(source="create_error")
    on_close = HookSerializer(allow_null=True)
    on_close_run_id = serializers.UUIDField(source="close_run_id", allow_null=True)
    on_close_error = serializers.CharField(source="close_error")


class BranchDeploymentSerializer(serializers.Serializer[BranchView]):
    """A branch deployment: whose branch, since when, for how long."""

    name = serializers.CharField()
    url = serializers.CharField(help_text="Where its pages are.")
    deployment_id = serializers.UUIDField(source="branch.deployment_id")
    state = serializers.ChoiceField(BranchState.choices, source="branch.state")
    base = serializers.CharField(help_text="The full deployment that it belongs to.")
    repository = serializers.CharField(source="branch.repository")
    pull_request = serializers.IntegerField(source="branch.pull_request", allow_null=True)
    pull_request_status = serializers.CharField(
        source="branch.pull_request_status", help_text="OPEN, CLOSED, MERGED, or empty without a pull request."
    )
    pull_request_url = serializers.CharField(source="branch.pull_request_url")
    branch = serializers.CharField(source="branch.branch")
    branch_url = serializers.CharField(source="branch.branch_url")
    title = serializers.CharField(source="branch.title")
    head_sha = serializers.CharField(source="branch.head_sha")
    git = GitFactsSerializer(source="branch.git")
    is_fork = serializers.BooleanField(source="branch.is_fork")
    merge_base_sha = serializers.CharField(source="branch.merge_base_sha")
    base_note = serializers.CharField(
        source="branch.base_note", help_text="How exact the comparison with the base is; empty when it is exact."
    )
    created_at = serializers.DateTimeField(source="branch.deployment.created_at")
    created_by = serializers.CharField(source="branch.created_by")
    active_at = serializers.DateTimeField(source="branch.active_at")
    sleep_after_seconds = serializers.IntegerField(
        source="branch.sleep_after_seconds", allow_null=True, help_text="Null: it is kept awake."
    )
    expires_at = serializers.DateTimeField(source="branch.expires_at", allow_null=True)
    closed_at = serializers.DateTimeField(source="branch.closed_at", allow_null=True)
    close_reason = serializers.CharField(source="branch.close_reason")
    archived_at = serializers.DateTimeField(source="branch.archived_at", allow_null=True)
    life = LifeSerializer()
    delivery = DeliverySerializer(source="pull", allow_null=True, help_text="Null where CI deploys it.")


class TellBranchSerializer(serializers.Serializer[Any]):
    """A branch, and what CI knows of it. It is known by its repository and pull request, or by its branch without one."""

    repository = serializers.CharField(max_length=300, help_text="owner/name")
    branch = serializers.CharField(max_length=300)
    pull_request = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=1)
    pull_request_status = serializers.ChoiceField(
        PullRequestStatus.choices, required=False, allow_blank=True, default="", help_text="CLOSED or MERGED ends it."
    )
    pull_request_url = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")
    branch_url = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")
    title = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")
    head_sha = serializers.CharField(max_length=_MAX_SHA, required=False, allow_blank=True, default="")
    git = GitFactsSerializer(required=False, default=dict)
    base = serializers.CharField(
        max_length=100,
        required=False,
        allow_blank=True,
        default="",
        help_text="Needed where there are several full ones.",
    )
    merge_base_sha = serializers.CharField(max_length=_MAX_SHA, required=False, allow_blank=True, default="")
    earlier_shas = serializers.ListField(
        child=serializers.CharField(max_length=_MAX_SHA),
        required=False,
        default=list,
        max_length=1000,
        help_text="Commits of the base before the merge base, the newest first.",
    )
    sleep_after_seconds = serializers.IntegerField(required=False, allow_null=True, min_value=60, max_value=_YEAR)
    expire_after_seconds = serializers.IntegerField(required=False, allow_null=True, min_value=60, max_value=_YEAR)
    on_create = HookSerializer(required=False, allow_null=True)
    on_close = HookSerializer(required=False, allow_null=True)

    @staticmethod
    def facts(validated: dict[str, Any]) -> BranchFacts:
        """Which branch, and its head."""
        names = (
            "repository",
            "branch",
            "pull_request",
            "pull_request_status",
            "pull_request_url",
            "branch_url",
            "title",
        )
        git = msgspec.convert(validated["git"], GitFacts)
        return BranchFacts(git=git, head_sha=validated["head_sha"], **{name: validated[name] for name in names})

    @staticmethod
    def merge_base(validated: dict[str, Any]) -> MergeBase:
        """Where it left the base."""
        return MergeBase(validated["merge_base_sha"], tuple(validated["earlier_shas"]))

    @staticmethod
    def wishes(validated: dict[str, Any]) -> Wishes | None:
        """What is wanted of its life; None when nothing was said."""
        if not {"sleep_after_seconds", "expire_after_seconds", "on_create", "on_close"} & validated.keys():
            return None
        known = default_wishes()
        return Wishes(
            sleep_after=validated.get("sleep_after_seconds", known.sleep_after),
            expire_after=validated.get("expire_after_seconds", known.expire_after),
            on_create=validated.get("on_create"),
            on_close=validated.get("on_close"),
        )


class CloseBranchSerializer(serializers.Serializer[Any]):
    """Why it ends."""

    reason = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class ApproveBranchSerializer(serializers.Serializer[Any]):
    """The commit that somebody looked at."""

    sha = serializers.CharField(max_length=_MAX_SHA, help_text="The whole id; it must still be the head.")


class KeepAwakeSerializer(serializers.Serializer[Any]):
    """Whether it may sleep."""

    awake = serializers.BooleanField(default=True)
    sleep_after_seconds = serializers.IntegerField(
        default=3600, min_value=60, max_value=_YEAR, help_text="When `awake` is false: after so long without activity."
    )
