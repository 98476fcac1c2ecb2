"""What the processes of a code location get as their environment: asked from the control plane, looked up, kept in memory only."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent import log
from agent.executors import CodeNotLoadedError
from agent.masks import NO_MASKS, Masks
from agent.protocol import EnvironmentAsk, EnvironmentVariable, LocationEnvironment
from agent.retry import ControlPlaneError, until_answered
from agent.sealed_box import BoxError
from agent.secret_stores import SecretUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from agent.box_key import BoxKey
    from agent.client import Client
    from agent.identity import Identity
    from agent.protocol import DesiredLocation
    from agent.secret_stores import SecretStores


class EnvironmentNotResolvedError(CodeNotLoadedError):
    """A variable has no value now; it may have one later."""


@dataclass(frozen=True)
class Environment:
    """Values by name. Never written anywhere."""

    fingerprint: str | None = None
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    has_references: bool = False


class Environments:
    """Asks, looks up references, opens boxes, and remembers which values must not leave this machine."""

    def __init__(self, *, client: Client, identity: Identity, stores: SecretStores, key: BoxKey) -> None:
        self._client = client
        self._identity = identity
        self._stores = stores
        self._key = key
        self._masks: dict[str, Masks] = {}
        self._learning: dict[str, asyncio.Task[None]] = {}

    @property
    def ttl(self) -> float:
        """Seconds after which a reference may lead to another value."""
        return self._stores.ttl

    async def of(self, location: DesiredLocation) -> Environment:
        """Answer the environment of a location version; raise EnvironmentNotResolvedError naming every variable without a value."""
        if location.environment is None:
            self._masks.setdefault(location.version_id, NO_MASKS)
            return Environment()
        try:
            answer = await self._ask(location.version_id)
        except ControlPlaneError as error:
            raise EnvironmentNotResolvedError(f"The environment variables could not be had: {error}") from error
        values, problems = await self._resolved(answer)
        self._learn(location.version_id, answer, values)
        if problems:
            raise EnvironmentNotResolvedError("\n".join(problems))
        return Environment(answer.fingerprint, values, any(v.reference for v in answer.variables))

    def masks(self, version_id: str) -> Masks | None:
        """Answer what to mask in what a version's processes say; None while that is being found out."""
        known = self._masks.get(version_id)
        if known is None and version_id not in self._learning:
            self._learning[version_id] = asyncio.create_task(self._find_out(version_id))
        return known

    async def known_masks(self, version_id: str) -> Masks:
        """Answer the same, as soon as it is known."""
        while (known := self.masks(version_id)) is None:
            await asyncio.shield(self._learning[version_id])
        return known

    async def _find_out(self, version_id: str) -> None:
        """For attempts that an earlier process of this agent started: nothing of them is on disk."""
        try:
            answer = await self._ask(version_id)
            values, problems = await self._resolved(answer)
            self._learn(version_id, answer, values)
            for problem in problems:
                log.warning("environment.not_masked", version=version_id, problem=problem)
        except ControlPlaneError as error:
            log.warning("environment.unknown", version=version_id, error=str(error), effect="nothing is masked")
            self._masks.setdefault(version_id, NO_MASKS)
        finally:
            self._learning.pop(version_id, None)

    async def _ask(self, version_id: str) -> LocationEnvironment:
        def ask() -> Awaitable[LocationEnvironment]:
            return self._client.environment(EnvironmentAsk(agent_id=self._identity.agent_id, version_id=version_id))

        return await until_answered(ask, doing="asking for environment variables")

    async def _resolved(self, answer: LocationEnvironment) -> tuple[dict[str, str], list[str]]:
        """Answer the values there are, and a sentence for each that is missing."""
        found = await asyncio.gather(*map(self._value, answer.variables), return_exceptions=True)
        values, problems = {}, []
        for variable, value in zip(answer.variables, found, strict=True):
            if isinstance(value, SecretUnavailableError | BoxError):
                problems.append(f"The environment variable {variable.name} has no value: {value}")
            elif isinstance(value, BaseException):
                raise value
            elif "\0" in value:
                problems.append(
                    f"The environment variable {variable.name} cannot hold its value: it has a NUL character."
                )
            else:
                values[variable.name] = value
        return values, problems

    async def _value(self, variable: EnvironmentVariable) -> str:
        if variable.value is not None:
            return variable.value
        if variable.reference is not None:
            return await self._stores.read(variable.reference)
        if variable.box is not None:
            return self._key.open(variable.name, variable.box)
        raise BoxError("It is sealed to other agents, not to this one. Seal it anew.")

    def _learn(self, version_id: str, answer: LocationEnvironment, values: Mapping[str, str]) -> None:
        secret = [(v.name, values[v.name]) for v in answer.variables if v.masked and v.name in values]
        self._masks[version_id] = self._masks.get(version_id, NO_MASKS).with_more(secret)
