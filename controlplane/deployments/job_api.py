"""REST: the jobs that a deployment's code locations define."""

from typing import ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.deployments.current_definitions import DeploymentDefinitions
from controlplane.deployments.http import DeploymentAPIView
from controlplane.deployments.job_serializers import JobDetailSerializer, JobSerializer, JobView
from tenants.errors import InvalidError, NotFoundError
from tenants.paging import PAGE_PARAMETERS, page_of_list, page_request, page_response, page_schema
from tenants.permissions import Permission

LOCATION = OpenApiParameter("location", str, description="The code location; needed when several define the job.")


class JobsView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.JOB_READ}

    @extend_schema(
        operation_id="list_jobs",
        parameters=[
            OpenApiParameter("location", str, description="Only jobs of this code location."),
            *PAGE_PARAMETERS,
        ],
        responses=page_schema(JobSerializer),
    )
    def get(self, request: Request) -> Response:
        """The jobs of the deployment, by code location and name."""
        found = all_jobs(self.visible.definitions(Permission.JOB_READ))
        only = request.query_params.get("location")
        wanted = [view for view in found if only is None or view.location == only]
        page = page_of_list(wanted, page_request(request), key=lambda view: (view.location, view.job.name))
        return page_response(request, page, JobSerializer)


class JobDetailView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.JOB_READ}

    @extend_schema(operation_id="get_job", parameters=[LOCATION], responses=JobDetailSerializer)
    def get(self, request: Request, job: str) -> Response:
        """One job with its graph and the types of its run config."""
        definitions = self.visible.definitions(Permission.JOB_READ)
        return Response(JobDetailSerializer(one_job(definitions, job, request.query_params.get("location"))).data)


def all_jobs(definitions: DeploymentDefinitions) -> list[JobView]:
    """Every job where it is defined."""
    return [
        JobView(location=name, job=job, manifest=found.manifest)
        for name, found in definitions.by_location.items()
        for job in found.manifest.jobs
    ]


def one_job(definitions: DeploymentDefinitions, name: str, location: str | None) -> JobView:
    """The job of this name; InvalidError when several locations define it and none is named."""
    found = [v for v in all_jobs(definitions) if v.job.name == name and location in {None, v.location}]
    if not found:
        raise NotFoundError(f"{location or 'This deployment'} defines no job {name}.")
    if len(found) > 1:
        places = " and ".join(view.location for view in found)
        raise InvalidError(f"{places} both define a job {name}. Say which with ?location=.", attr="location")
    return found[0]
