"""What the published command line asks, in its own words: one call of every field of the schema, as (text, variables)."""

from typing import Any

from tests.callers import anonymous
from tests.cast import Cast

Call = tuple[str, dict[str, Any]]

LOCATION = {"location_name": "fresh", "code_source": {"module_name": "fresh"}}
BRANCH = {"repoName": "acme/shop", "branchName": "feature", "pullRequestNumber": "7", "pullRequestStatus": "OPEN"}
COMMIT = {"commitHash": "0123abcd", "timestamp": 1_700_000_000.5, "commitMessage": "Add prices\n\nAll of them."}

QUERIES: dict[str, Call] = {
    "fullDeployments": ("query { fullDeployments { deploymentName deploymentId deploymentType } }", {}),
    "currentDeployment": ("query { currentDeployment { deploymentName agentType } }", {}),
    "deploymentByName": (
        "query Q($n: String!) { deploymentByName(name: $n) { __typename ... on DagsterCloudDeployment { deploymentName deploymentId } } }",
        {"n": "prod"},
    ),
    "getBranchDeploymentName": (
        "query Q($r: String!, $b: String!) { getBranchDeploymentName(repoName: $r, branchName: $b) }",
        {"r": "acme/shop", "b": "feature"},
    ),
    "agents": ("query { agents { status errors { error { message } } } }", {}),
    "workspace": ("query { workspace { workspaceEntries { locationName serializedDeploymentMetadata } } }", {}),
    "workspaceOrError": (
        """query { workspaceOrError { __typename
          ... on Workspace { locationEntries { __typename name loadStatus locationOrLoadError {
            __typename ... on RepositoryLocation { name }
            ... on PythonError { message stack errorChain { isExplicitLink error { message stack } } } } } }
          ... on PythonError { message stack } } }""",
        {},
    ),
    "locationsAsDocument": ("query { locationsAsDocument { __typename document } }", {}),
    "deploymentSettings": ("query { deploymentSettings { settings } }", {}),
    "runOrError": (
        "query Q($id: ID!) { runOrError(runId: $id) { __typename ... on Run { id status } } }",
        {"id": "0190c0de-0000-7000-8000-000000000000"},
    ),
}

_DOCUMENT = (
    "mutation M($d: GenericScalar!) {{ {0}(document: $d) {{ __typename {1} ... on PythonError {{ message stack }}"
    " ... on InvalidLocationError {{ errors }} }} }}"
)
_LOCATIONS = "... on {0} {{ locations {{ locationName }} }}"

MUTATIONS: dict[str, Call] = {
    "addOrUpdateLocationFromDocument": (
        _DOCUMENT.format(
            "addOrUpdateLocationFromDocument",
            "... on WorkspaceEntry { locationName } ... on UnauthorizedError { message }",
        ),
        {"d": LOCATION},
    ),
    "deployLocations": (
        _DOCUMENT.format("deployLocations", _LOCATIONS.format("DeployLocationsSuccess")),
        {"d": {"locations": [LOCATION]}},
    ),
    "reconcileLocationsFromDocument": (
        _DOCUMENT.format("reconcileLocationsFromDocument", _LOCATIONS.format("ReconcileLocationsSuccess")),
        {"d": {"locations": [LOCATION]}},
    ),
    "deleteLocation": (
        "mutation M($n: String!) { deleteLocation(locationName: $n) { __typename ... on PythonError { message stack } } }",
        {"n": "shop"},
    ),
    "createOrUpdateBranchDeployment": (
        """mutation M($b: CreateOrUpdateBranchDeploymentInput!, $c: DeploymentCommitInput!, $base: String) {
          createOrUpdateBranchDeployment(branchData: $b, commit: $c, baseDeploymentName: $base) {
            __typename ... on DagsterCloudDeployment { deploymentId deploymentName } ... on PythonError { message } } }""",
        {"b": BRANCH, "c": COMMIT, "base": "prod"},
    ),
    "setDeploymentSettings": (
        """mutation M($s: DeploymentSettingsInput!) { setDeploymentSettings(deploymentSettings: $s) { __typename
          ... on DeploymentSettings { settings } ...on UnauthorizedError { message }
          ... on PythonError { message stack } } }""",
        {"s": {"settings": {"run_monitoring": {"start_timeout_seconds": 900}}}},
    ),
    # Which one, the test knows.
    "deleteDeployment": (
        """mutation M($id: Int!) { deleteDeployment(deploymentId: $id) {
          __typename ... on DagsterCloudDeployment { deploymentId } ... on PythonError { message stack } } }""",
        {"id": 7},
    ),
    "launchRun": (
        """mutation M($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename
          ... on LaunchRunSuccess { run { runId status runConfigYaml tags { key value } } }
          ... on PythonError { message stack } } }""",
        {
            "p": {
                "selector": {
                    "repositoryLocationName": "shop",
                    "repositoryName": "__repository__",
                    "jobName": "__ASSET_JOB",
                    "assetSelection": [{"path": ["orders"]}],
                },
                "runConfigData": {},
                "executionMetadata": {"tags": [{"key": "by", "value": "ci"}]},
            }
        },
    ),
    "markCliEvent": (
        """mutation M($e: CliEventType!, $s: Float!, $ok: Boolean, $t: [String], $m: String) {
          markCliEvent(eventType: $e, durationSeconds: $s, success: $ok, tags: $t, message: $m) }""",
        {"e": "DEPLOY", "s": 1.5, "ok": True, "t": ["cli"], "m": None},
    ),
}


def send(
    cast: Cast, token: str | None, call: Call, *, deployment: str | None = "prod", address: str = "", **headers: str
) -> Any:
    """The answer to one POST, the deployment in the header as `DAGSTER_CLOUD_URL=https://host/<org>` makes the client send it."""
    sent = {"Dagster-Cloud-Deployment": deployment} if deployment else {}
    sent |= {"Dagster-Cloud-Api-Token": token} if token else {}
    text, variables = call
    return anonymous().post(
        address or f"/{cast.org.slug}/graphql",
        {"query": text, "variables": variables},
        headers=sent | headers,
    )


def ask(cast: Cast, call: Call, *, token: str | None = None, **options: Any) -> Any:
    """The value of the one field, as the owner unless another token is given; the answer must have been one without errors."""
    answer = send(cast, token or cast.user_token.text, call, **options)
    assert answer.status_code == 200, answer.content
    (value,) = answer.json()["data"].values()
    return value
