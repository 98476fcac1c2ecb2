"""Telling the control plane who this agent is, for as long as it takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from agent import log, machine
from agent.protocol import Register, Registered
from agent.retry import Backoff, is_fatal, is_retryable
from agent.version import agent_version

if TYPE_CHECKING:
    from agent.attempts import Attempts
    from agent.box_key import BoxKey
    from agent.client import Client
    from agent.config import Config
    from agent.identity import Identity
    from agent.leases import Leases

# Seconds. Nothing depends on this machine's clock, but people compare times.
NOTABLE_SKEW = 5.0


class Registration:
    """Registers at the start, and again when the control plane has forgotten the agent."""

    def __init__(
        self,
        *,
        client: Client,
        identity: Identity,
        attempts: Attempts,
        leases: Leases,
        config: Config,
        key: BoxKey,
    ) -> None:
        self._client = client
        self._identity = identity
        self._attempts = attempts
        self._leases = leases
        self._config = config
        self._key = key

    async def register(self) -> None:
        """Return when registered; a fatal answer is raised once nothing runs here."""
        backoff = Backoff()
        while True:
            try:
                answer = await self._client.register(self._message())
                self._identity.registered(answer)
                self._client.use_credential(answer.credential)
            except Exception as error:
                if not is_retryable(error) or (is_fatal(error) and not self._attempts.all()):
                    raise
                self._leases.refused = is_fatal(error)
                await backoff.failed(error, doing="registering")
            else:
                self._say(answer)
                return

    def _message(self) -> Register:
        return Register(
            name=self._config.agent_name,
            boot_id=self._identity.boot_id,
            agent_version=agent_version(),
            queues=self._config.queue_names,
            host=machine.host_facts(),
            public_key=self._key.public_key,
            key_id=self._key.key_id,
        )

    def _say(self, answer: Registered) -> None:
        log.info(
            "agent.registered", agent_id=answer.agent_id, name=self._config.agent_name, organization=answer.organization
        )
        skew = time.time() - answer.server_time
        if abs(skew) > NOTABLE_SKEW:
            log.warning("agent.clock_skew", seconds=skew, effect="times of events look odd; nothing else depends on it")
