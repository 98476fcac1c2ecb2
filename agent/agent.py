"""Wires the agent's parts, runs their loops, and knows how to stop. A loop that dies takes the process with it, loudly."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import agent as package
from agent import log
from agent.agent_token import Token
from agent.attempts import Attempts
from agent.box_key import BoxKey
from agent.calls import Calls
from agent.changes import first_of
from agent.child_requests import ChildRequests
from agent.client import Client
from agent.commands import CommandLog
from agent.config import Config, tls
from agent.data_socket import DataSocket, socket_path
from agent.disk import Disk
from agent.dispatch import Dispatcher
from agent.environment import Environments
from agent.events import EventShipper
from agent.executors.process import ProcessExecutor
from agent.heartbeat import Heartbeats
from agent.identity import Identity
from agent.intake import Intake
from agent.leases import Leases
from agent.locations import Locations
from agent.logs import LogShipper
from agent.poll import Poller
from agent.processes import Reaper
from agent.protocol import Goodbye
from agent.registration import Registration
from agent.reports import LocationReports
from agent.results import Results
from agent.retry import describe, is_retryable
from agent.secret_stores import SecretStore, SecretStores
from agent.secret_stores.aws import AwsSecretsManager
from agent.secret_stores.kubernetes import KubernetesSecrets, KubernetesSettings
from agent.secret_stores.vault import Vault, VaultSettings
from agent.sources.archives import SourceArchives, SourceNames
from agent.sources.kept import KeptFolders
from agent.sources.preparing import Preparation
from agent.sources.unpacking import Limits
from agent.sources.virtualenvs import Virtualenvs
from agent.status import StatusFile
from agent.supervisor import Supervisor
from agent.worker_process import WorkerSettings

if TYPE_CHECKING:
    from agent.attempt import Attempt
    from agent.home import Home

MEGABYTE = 1024 * 1024
# After the second signal: what runs get before SIGTERM and again before SIGKILL, and what sending the rest may take.
STOP_GRACE = 5.0
HAND_OVER_PATIENCE = 15.0
GOODBYE_PATIENCE = 3.0
EXIT_OK, EXIT_UNFINISHED = 0, 75


class _StoppedError(Exception):
    """Ends the task group; carries nothing."""


class Agent:
    """One agent process."""

    def __init__(self, config: Config, home: Home) -> None:
        self.config = config
        self.home = home
        self.identity = Identity(home.identity)
        self.disk = Disk(home.folder, reserve_bytes=config.disk_reserve_mb * MEGABYTE)
        self.attempts = Attempts(folder=home.attempts)
        self._reaper = Reaper()
        self._client = Client(url=config.url, token=Token(config), proxy=config.proxy, tls=tls(config))
        self._settings = _worker_settings(config)
        key = BoxKey(home.box_key)
        stores = SecretStores(_stores(config), ttl=config.secret_ttl)
        self._environments = Environments(client=self._client, identity=self.identity, stores=stores, key=key)
        self._reports = LocationReports(client=self._client, identity=self.identity)
        self._preparation = self._preparing()
        self.locations = Locations(
            folder=home.locations,
            settings=self._settings,
            reaper=self._reaper,
            load_timeout=config.load_timeout,
            reports=self._reports,
            environments=self._environments,
            preparation=self._preparation,
        )
        self._leases = Leases(home.renewal, attempts=self.attempts, identity=self.identity)
        self._commands = CommandLog(home.commands)
        self._registration = Registration(
            client=self._client,
            identity=self.identity,
            attempts=self.attempts,
            leases=self._leases,
            config=config,
            key=key,
        )
        self._wire_runs()
        self._wire_work()
        self._signals = 0
        # SIGTERM is how a service manager restarts us: code workers wait for the next process then.
        self._comes_back = False
        self._draining = asyncio.Event()
        self._stopping = asyncio.Event()

    def _preparing(self) -> Preparation:
        """Make what fetches archives and makes virtualenvs."""
        sources, virtualenvs = KeptFolders(self.home.sources), KeptFolders(self.home.virtualenvs)
        return Preparation(
            archives=SourceArchives(
                client=self._client,
                kept=sources,
                names=SourceNames(self.home.source_key),
                disk=self.disk,
                limits=Limits(unpacked_bytes=self.config.source_unpacked_mb * MEGABYTE),
            ),
            virtualenvs=Virtualenvs(
                kept=virtualenvs,
                uv_cache=self.home.uv_cache,
                environment=self.config.process_env,
                reaper=self._reaper,
                build_timeout=self.config.build_timeout,
            ),
            kept_sources=sources,
            kept_virtualenvs=virtualenvs,
            locations=self.home.locations,
            cache_bytes=self.config.source_cache_mb * MEGABYTE,
            inherited_env=self.config.inherited_env,
            used_versions=self._used_versions,
        )

    def _used_versions(self) -> set[str]:
        """Versions whose code is loaded or will be, or runs."""
        hosted = {location.desired.version_id for location in self.locations.all()}
        return hosted | {attempt.launch.version_id for attempt in self.attempts.all()}

    def _wire_runs(self) -> None:
        """Make what looks after attempts and what they say."""
        self._events = EventShipper(
            client=self._client, identity=self.identity, attempts=self.attempts.all, on_fenced=self._lose
        )
        self._intake = Intake(disk=self.disk, shipper=self._events, environments=self._environments)
        self._logs = LogShipper(
            client=self._client,
            identity=self.identity,
            attempts=self.attempts.all,
            masks=self._intake.masks,
            on_fenced=self._lose,
            spool_limit=self.config.log_spool_mb * MEGABYTE,
        )
        executor = ProcessExecutor(locations=self.locations, settings=self._settings, reaper=self._reaper)
        self._supervisor = Supervisor(
            attempts=self.attempts,
            executor=executor,
            intake=self._intake,
            logs=self._logs,
            start_watchdog=self.config.start_watchdog,
        )

    def _wire_work(self) -> None:
        """Make what brings work and what children speak to."""
        self._calls = Calls(
            folder=self.home.calls,
            locations=self.locations,
            results=Results(client=self._client, identity=self.identity),
            environments=self._environments,
            at_once=self.config.calls_at_once,
        )
        dispatcher = Dispatcher(
            commands=self._commands, attempts=self.attempts, calls=self._calls, locations=self.locations
        )
        self.poller = Poller(
            client=self._client,
            identity=self.identity,
            attempts=self.attempts,
            locations=self.locations,
            dispatcher=dispatcher,
            disk=self.disk,
            slots=self.config.slots,
            register=self._registration.register,
        )
        self._heartbeats = Heartbeats(
            client=self._client, identity=self.identity, attempts=self.attempts, leases=self._leases
        )
        requests = ChildRequests(
            attempts=self.attempts, calls=self._calls, intake=self._intake, client=self._client, identity=self.identity
        )
        self._socket = DataSocket(self._settings.socket_path, requests=requests)

    async def run(self) -> int:
        """Work until told to stop; answer the exit code."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_log_unhandled)
        self._reaper.install()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._signalled, signum)
        try:
            async with asyncio.TaskGroup() as group:
                await self._start(group)
                await self._until_finished()
                raise _StoppedError  # noqa: TRY301 - the documented way to end a task group
        except* _StoppedError:
            pass
        finally:
            if not self._comes_back:
                self.locations.kill()
            self._commands.close()
            await self._client.close()
        return EXIT_UNFINISHED if self.attempts.all() else EXIT_OK

    async def _start(self, group: asyncio.TaskGroup) -> None:
        """Children first: they may be waiting for us, and need no control plane."""
        group.create_task(self.attempts.run(self._supervisor, renewed_at=self._leases.last_renewal()))
        group.create_task(self.locations.run())
        group.create_task(self._calls.run())
        await asyncio.sleep(0)
        server = await self._socket.listen()
        group.create_task(server.serve_forever())
        for work in (self.disk.run(), self._leases.run(), StatusFile(self).run()):
            group.create_task(work)
        group.create_task(self._talk())

    async def _talk(self) -> None:
        """Register, then run everything that needs the control plane."""
        await self._registration.register()
        async with asyncio.TaskGroup() as group:
            for one in (self.poller, self._heartbeats, self._events, self._logs, self._reports):
                group.create_task(one.run())

    def stop_gracefully(self) -> None:
        """Take no new work; finish what runs; then leave."""
        log.info("agent.draining", running=self.attempts.running)
        self.poller.drain()
        self._draining.set()

    def stop_ungracefully(self) -> None:
        """Cancel what runs; then leave."""
        log.warning("agent.stopping", running=self.attempts.running)
        for attempt in self.attempts.all():
            self.attempts.cancel(attempt.ref, grace=STOP_GRACE)
        self._stopping.set()

    def _signalled(self, signum: int) -> None:
        self._signals += 1
        log.info("agent.signalled", signal=signal.Signals(signum).name, count=self._signals)
        if self._signals == 1:
            self._comes_back = signum == signal.SIGTERM and self.config.worker_patience > 0
            self.stop_gracefully()
        elif self._signals == 2:
            self.stop_ungracefully()

    async def _until_finished(self) -> None:
        await self._draining.wait()
        nothing_left = self.attempts.changes.until(lambda: not self.attempts.all())
        await first_of(nothing_left, self._stopping.wait())
        if self._stopping.is_set():
            rest = self.attempts.changes.until(lambda: not self.attempts.all())
            await first_of(rest, timeout=2 * STOP_GRACE + HAND_OVER_PATIENCE)
        await self._say_goodbye()

    async def _say_goodbye(self) -> None:
        left = [attempt.id for attempt in self.attempts.all()]
        message = Goodbye(agent_id=self.identity.agent_id, boot_id=self.identity.boot_id, handing_over=left)
        try:
            async with asyncio.timeout(GOODBYE_PATIENCE):
                await self._client.goodbye(message)
        except Exception as error:
            if not is_retryable(error) and not isinstance(error, TimeoutError):
                raise
            log.warning("agent.goodbye_failed", error=describe(error))
        log.info("agent.stopped", handing_over=len(left))

    def _lose(self, attempt: Attempt) -> None:
        self.attempts.lose(attempt.ref)


def _worker_settings(config: Config) -> WorkerSettings:
    return WorkerSettings(
        socket_path=socket_path(config.home_folder),
        worker_path=Path(config.worker_path) if config.worker_path else Path(package.__path__[0]) / "worker",
        inherited_env=config.inherited_env,
        working_directory=Path.cwd(),
        storage_path=config.home_folder / "storage",
        worker_patience=config.worker_patience,
    )


def _stores(config: Config) -> dict[str, SecretStore]:
    vault = VaultSettings(
        url=config.vault_url,
        namespace=config.vault_namespace,
        token_file=config.vault_token_file,
        role=config.vault_role,
        auth_mount=config.vault_auth_mount,
        service_account_token=Path(config.kubernetes_credentials) / "token",
    )
    kubernetes = KubernetesSettings(url=config.kubernetes_url, credentials=Path(config.kubernetes_credentials))
    return {
        "aws_secrets_manager": AwsSecretsManager(endpoint_url=config.aws_endpoint_url),
        "vault": Vault(vault),
        "kubernetes": KubernetesSecrets(kubernetes),
    }


def _log_unhandled(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    with contextlib.suppress(Exception):
        log.error("agent.unhandled", exc_info=context.get("exception"), about=context.get("message"))
