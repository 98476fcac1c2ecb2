"""The REST API as the commands use it. Refusals become one clear line."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Self

import httpx

from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.nearest import hint
from controlplane.cli.profile import Profile

_EXIT_CODES = {
    httpx.codes.UNAUTHORIZED: ExitCode.NOT_SIGNED_IN,
    httpx.codes.NOT_FOUND: ExitCode.NOT_FOUND,
}
_POLL_SECONDS = 0.1
_NO_DEPLOYMENT = "There is no deployment called"


class ApiClient:
    """One connection to one control plane; paths are below the profile's deployment unless they start with a slash."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._http = httpx.Client(
            base_url=profile.url,
            headers={"Authorization": f"Bearer {profile.token}"},
            # Tests of schedules and sensors wait for user code, up to a minute.
            timeout=90,
            # The local control plane is never behind a proxy.
            trust_env="127.0.0.1" not in profile.url,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        return self._send("GET", path, params={k: v for k, v in params.items() if v is not None}).json()

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self._send("POST", path, json=body or {}).json()

    def put(self, path: str, body: dict[str, Any]) -> Any:
        return self._send("PUT", path, json=body).json()

    def put_content(self, path: str, content: bytes) -> None:
        """Send bytes as they are."""
        self._send("PUT", path, content=content, headers={"Content-Type": "application/gzip"})

    def delete(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """What is answered; None where that is nothing."""
        response = self._send("DELETE", path, **({"json": body} if body else {}))
        return response.json() if response.content else None

    def content(self, path: str, **params: Any) -> bytes:
        return self._send("GET", path, params=params).content

    def stream(self, path: str) -> Iterator[bytes]:
        """The pieces of a large answer, as they come."""
        with self._http.stream("GET", path) as response:
            if response.is_error:
                response.read()
                raise _refused(response)
            yield from response.iter_bytes()

    def pages(self, path: str, **params: Any) -> Iterator[dict[str, Any]]:
        """Every result of a list, page after page."""
        page = self.get(path, **params)
        yield from page["results"]
        while page["next"]:
            page = self._send("GET", page["next"]).json()
            yield from page["results"]

    def wait(
        self,
        path: str,
        done: Callable[[Any], bool],
        *,
        seconds: float,
        what: str,
        interval: float | None = None,
    ) -> Any:
        """Ask again until `done` holds, every `interval` seconds (usually many times a second); CommandError when it takes too long."""
        end = time.monotonic() + seconds
        while not done(answer := self.get(path)):
            if time.monotonic() > end:
                raise CommandError(f"{what} took longer than {seconds:.0f} s.")
            time.sleep(interval or _POLL_SECONDS)
        return answer

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        address = path if path.startswith(("/", "http")) else f"{self.profile.deployment_path}/{path}"
        try:
            response = self._http.request(method, address, **options)
        except httpx.HTTPError as error:
            raise CommandError(f"{self.profile.url} does not answer ({error}). Is Daggerboard running?") from error
        if response.is_error:
            refused = _refused(response)
            raise self._with_deployments(refused) if _NO_DEPLOYMENT in str(refused) else refused
        return response

    def _with_deployments(self, refused: CommandError) -> CommandError:
        """The same, with the names of deployments that are meant perhaps."""
        answer = self._http.get(f"{self.profile.organization_path}/deployments/", params={"limit": 1000})
        names = [] if answer.is_error else [one["name"] for one in answer.json()["results"]]
        more = hint(self.profile.deployment, names, what="deployments")
        return CommandError(f"{refused} {more}".strip(), exit_code=refused.exit_code)


def _refused(response: httpx.Response) -> CommandError:
    code = _EXIT_CODES.get(httpx.codes(response.status_code), ExitCode.FAILED)
    return CommandError(_refusal(response), exit_code=code)


def _refusal(response: httpx.Response) -> str:
    try:
        errors = response.json()["errors"]
        return "; ".join(f"{e['attr']}: {e['detail']}" if e.get("attr") else e["detail"] for e in errors)
    except (ValueError, KeyError, TypeError):
        return f"{response.request.url} answered {response.status_code}."
