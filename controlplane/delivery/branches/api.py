"""REST: branch deployments below `/api/v1/organizations/<org>/branch-deployments/`."""

from typing import Any, ClassVar, TypedDict
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.delivery.branches import approvals, closing, life
from controlplane.delivery.branches import ci as ci_branches
from controlplane.delivery.branches.bases import base_for, possible_bases
from controlplane.delivery.branches.selectors import BranchFilter, branches_for, view_of
from controlplane.delivery.branches.serializers import (
    ApproveBranchSerializer,
    BranchDeploymentSerializer,
    CloseBranchSerializer,
    KeepAwakeSerializer,
    TellBranchSerializer,
)
from controlplane.deployments import branches, selectors
from controlplane.deployments.models import BranchDeployment, BranchState, DeploymentKind
from tenants.errors import InvalidError, NotFoundError
from tenants.http import OrgAPIView, valid_body
from tenants.paging import PAGE_PARAMETERS, page_of_list, page_request, page_response, page_schema
from tenants.permissions import Permission

_FILTERS = [
    OpenApiParameter("repository", str, description="owner/name"),
    OpenApiParameter("pull_request", int),
    OpenApiParameter("branch", str),
    OpenApiParameter("state", str, many=True, enum=BranchState.values),
    OpenApiParameter("base", str, description="The full deployment that they belong to."),
]


class Ids(TypedDict):
    """Which branch deployment, as services are told."""

    org_id: UUID
    deployment_id: UUID


class BranchDeploymentsView(OrgAPIView):
    # What is needed to make one, is asked where it would be made.
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.ORGANIZATION_READ,
        "POST": Permission.ORGANIZATION_READ,
    }

    @extend_schema(
        operation_id="list_branch_deployments",
        parameters=[*_FILTERS, *PAGE_PARAMETERS],
        responses=page_schema(BranchDeploymentSerializer),
    )
    def get(self, request: Request) -> Response:
        """The branch deployments that you may enter, by name."""
        found = branches_for(self.access, _filter(request))
        page = page_of_list(found, page_request(request), key=lambda view: (view.name,))
        return page_response(request, page, BranchDeploymentSerializer)

    @extend_schema(
        operation_id="create_or_update_branch_deployment",
        request=TellBranchSerializer,
        responses={200: BranchDeploymentSerializer, 201: BranchDeploymentSerializer},
    )
    def post(self, request: Request) -> Response:
        """Tell of a branch: its deployment is made if there is none (201), and told what is new if there is (200)."""
        possible_bases(self.access)
        told = valid_body(TellBranchSerializer, request)
        org_id = self.access.org.id
        facts = ci_branches.of_pull_request(org_id, TellBranchSerializer.facts(told))
        known = branches.find_branch(org_id, facts)
        parent = base_for(self.access, facts, told["base"])
        branch = ci_branches.create_or_update(
            org_id=org_id,
            parent=parent,
            facts=facts,
            actor=self.access.actor,
            wishes=TellBranchSerializer.wishes(told),
        )
        if not ci_branches.has_ended(facts):
            merge_base = TellBranchSerializer.merge_base(told)
            branch = ci_branches.note_base(org_id=org_id, branch=branch, merge_base=merge_base)
        answer = BranchDeploymentSerializer(view_of(self.access, branch)).data
        return Response(answer, status=status.HTTP_200_OK if known else status.HTTP_201_CREATED)


class OneBranchView(OrgAPIView):
    """The base of what is about one branch deployment; there is none of this name, it was a 404."""

    branch: BranchDeployment

    def enter(self, kwargs: dict[str, Any]) -> None:
        deployment = selectors.deployment(self.access.org.id, kwargs.pop("branch"))
        if deployment.kind != DeploymentKind.BRANCH:
            raise NotFoundError(f"There is no branch deployment called {deployment.name}.")
        self.access = self.access.at(deployment.place)
        self.branch = branches.branch_of(self.access.org.id, deployment.id)

    @property
    def ids(self) -> Ids:
        return {"org_id": self.access.org.id, "deployment_id": self.branch.deployment_id}

    def answer(self, branch: BranchDeployment) -> Response:
        return Response(BranchDeploymentSerializer(view_of(self.access, branch)).data)


class BranchDeploymentView(OneBranchView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.DEPLOYMENT_READ}

    @extend_schema(operation_id="get_branch_deployment", responses=BranchDeploymentSerializer)
    def get(self, request: Request) -> Response:
        """One branch deployment."""
        return self.answer(self.branch)


class _BranchActionView(OneBranchView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.BRANCH_DEPLOYMENT_WRITE}


class ExtendView(_BranchActionView):
    @extend_schema(operation_id="extend_branch_deployment", request=None, responses=BranchDeploymentSerializer)
    def post(self, request: Request) -> Response:
        """Let it live its whole time again, from now."""
        return self.answer(life.extend(**self.ids, actor=self.access.actor))


class CloseView(_BranchActionView):
    @extend_schema(
        operation_id="close_branch_deployment", request=CloseBranchSerializer, responses=BranchDeploymentSerializer
    )
    def post(self, request: Request) -> Response:
        """Begin its end: its runs are canceled, its closing job runs, its workers go, and it is archived."""
        asked = valid_body(CloseBranchSerializer, request)
        actor = self.access.actor
        reason = asked["reason"] or f"Closed by {actor.label}."
        return self.answer(closing.close(**self.ids, reason=reason, actor=actor))


class ApproveView(_BranchActionView):
    @extend_schema(
        operation_id="approve_branch_deployment", request=ApproveBranchSerializer, responses=BranchDeploymentSerializer
    )
    def post(self, request: Request) -> Response:
        """Let this very commit of a fork be fetched and deployed."""
        asked = valid_body(ApproveBranchSerializer, request)
        pull = approvals.held_pull_request(**self.ids)
        approvals.approve(
            org_id=self.access.org.id,
            pull_request_id=pull.id,
            sha=asked["sha"],
            actor=self.access.actor,
        )
        return self.answer(self.branch)


class SleepView(_BranchActionView):
    @extend_schema(operation_id="sleep_branch_deployment", request=None, responses=BranchDeploymentSerializer)
    def post(self, request: Request) -> Response:
        """Let go of its code workers; its pages stay."""
        return self.answer(life.sleep_now(**self.ids, actor=self.access.actor))


class WakeView(_BranchActionView):
    @extend_schema(operation_id="wake_branch_deployment", request=None, responses=BranchDeploymentSerializer)
    def post(self, request: Request) -> Response:
        """Have its code loaded again."""
        return self.answer(life.wake_now(**self.ids, actor=self.access.actor))


class KeepAwakeView(_BranchActionView):
    @extend_schema(
        operation_id="keep_branch_deployment_awake", request=KeepAwakeSerializer, responses=BranchDeploymentSerializer
    )
    def post(self, request: Request) -> Response:
        """Never let it sleep, or let it sleep again."""
        told = valid_body(KeepAwakeSerializer, request)
        kept = life.keep_awake(
            **self.ids, awake=told["awake"], sleep_after=told["sleep_after_seconds"], actor=self.access.actor
        )
        return self.answer(kept)


class RebuildView(_BranchActionView):
    @extend_schema(operation_id="rebuild_branch_deployment", request=None, responses=BranchDeploymentSerializer)
    def post(self, request: Request) -> Response:
        """Deploy its head once more, and bring it back if it had ended."""
        return self.answer(approvals.rebuild(**self.ids, actor=self.access.actor))


def _filter(request: Request) -> BranchFilter:
    query = request.query_params
    number = query.get("pull_request", "")
    if number and not (number.isascii() and number.isdigit() and len(number) < 10):
        raise InvalidError("pull_request is a number.", attr="pull_request")
    states = query.getlist("state")
    unknown = [state for state in states if state not in BranchState.values]
    if unknown:
        raise InvalidError(f"state is one of {', '.join(BranchState.values)}.", attr="state")
    return BranchFilter(
        repository=query.get("repository", ""),
        pull_request=int(number) if number else None,
        branch=query.get("branch", ""),
        states=states,
        base=query.get("base", ""),
    )
