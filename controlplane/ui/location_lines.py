"""What the pages show of a code location: what serves, what should serve, and what stands in between."""

from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.deployments.models import CodeLocation, LocationVersion, VersionState
from controlplane.deployments.version_changes import VersionChanges
from controlplane.fleet.abilities import inability
from controlplane.fleet.health import AgentState
from controlplane.fleet.selectors import AgentView
from controlplane.fleet.serving import Serving, asking, served_by_name, served_there
from controlplane.ui import git_links, tracebacks
from controlplane.ui.change_lines import ChangeCounts, change_counts
from controlplane.ui.phase_bar import PHASES, PhaseBar, phase_bar

# What a location defines, in the order in which people ask.
_COUNTED = (
    ("assets", "Assets"),
    ("checks", "Asset checks"),
    ("jobs", "Jobs"),
    ("schedules", "Schedules"),
    ("sensors", "Sensors"),
    ("resources", "Resources"),
    ("partitions_definitions", "Partitions definitions"),
)
_HERE = (AgentState.CONNECTED, AgentState.DRAINING)


@dataclass(frozen=True)
class VersionLine:
    """One version as a row or a page shows it; `changes` are its definitions against the version before, where they are known."""

    version: LocationVersion
    changes: VersionChanges | None = None

    @property
    def counted_changes(self) -> ChangeCounts | None:
        return change_counts(self.changes.comparison) if self.changes else None

    @property
    def bar(self) -> PhaseBar | None:
        return phase_bar(self.version)

    @property
    def counts(self) -> list[tuple[str, int]]:
        return [(label, self.version.counts[name]) for name, label in _COUNTED if name in self.version.counts]

    @property
    def target(self) -> list[tuple[str, str]]:
        """What is loaded, in the words of dagster's own CLI."""
        return [(name, str(value)) for name, value in self.version.target.items() if value]

    @property
    def done(self) -> str:
        """What has been done already of a load that goes on."""
        return ", ".join(done for name, _word, done in PHASES if done and name in self.version.phases)

    @property
    def is_packed(self) -> bool:
        """Whether agents get the code with the deploy; agents of earlier releases do not know of that."""
        return bool(self.version.source_sha256 or self.version.image)

    @property
    def error_head(self) -> str:
        return tracebacks.headline(self.version.error)

    @property
    def error_text(self) -> str:
        return tracebacks.traceback_text(self.version.error)

    @property
    def commit_page(self) -> str:
        return git_links.commit_page(self.version.git_url, self.version.git_commit)

    @property
    def repository_page(self) -> str:
        return git_links.repository_page(self.version.git_url)


@dataclass(frozen=True)
class LocationLine:
    """A code location with the agents of its queue."""

    location: CodeLocation
    agents: list[AgentView]
    # What every agent of the organization says to it, where somebody asked.
    serving: Serving | None = None

    @property
    def desired(self) -> VersionLine | None:
        return VersionLine(self.location.desired) if self.location.desired else None

    @property
    def current(self) -> VersionLine | None:
        return VersionLine(self.location.current) if self.location.current else None

    @property
    def shown(self) -> VersionLine | None:
        """What serves; before anything does, what should."""
        return self.current or self.desired

    @property
    def is_settled(self) -> bool:
        """Whether what serves is what should serve."""
        return self.location.current_id is not None and self.location.current_id == self.location.desired_id

    @property
    def mark(self) -> str:
        return str(self.location.desired.state) if self.location.desired else "none"

    @property
    def here(self) -> list[AgentView]:
        """The agents of the queue that are connected."""
        return [view for view in self.agents if view.state in _HERE]

    @property
    def unable(self) -> list[str]:
        """Why those of them that are of an earlier release cannot load the version."""
        packed = self.desired is not None and self.desired.is_packed
        return [reason for view in self.here if (reason := inability(view.agent, from_source=packed, isolated=False))]

    @property
    def explanation(self) -> str:
        """One sentence on how far the newest version is, and what serves meanwhile."""
        if self.location.desired is None:
            return "It has no version. Deploy it."
        return f"{self._progress(self.location.desired)}{self._meanwhile()}"

    def _progress(self, desired: LocationVersion) -> str:
        match desired.state:
            case VersionState.LOADED:
                return f"Version {desired.number} serves."
            case VersionState.FAILED:
                return f"Version {desired.number} failed to load."
            case VersionState.LOADING:
                done = VersionLine(desired).done
                return f"An agent is loading version {desired.number}{': ' + done if done else ''}."
            case _:
                return f"Version {desired.number} waits for an agent. {self.why_waiting}"

    def _meanwhile(self) -> str:
        if self.is_settled:
            return ""
        serving = self.location.current
        if serving is None:
            return " Nothing serves yet."
        if self.mark == VersionState.FAILED:
            return f" The last good one, version {serving.number}, goes on serving."
        return f" Version {serving.number} serves until then."

    @property
    def why_waiting(self) -> str:
        """What is the matter with the agents of its queue."""
        if self.serving is not None and self.serving.unserved:
            return self.serving.unserved
        queue = self.location.queue
        if not self.agents:
            return f"No agent serves the queue {queue}."
        if self.here and len(self.unable) == len(self.here):
            return f"{self.here[0].agent.name}: {self.unable[0]}."
        if self.here:
            names = ", ".join(view.agent.name for view in self.here[:3])
            return f"{names} will load it with its next poll."
        first = self.agents[0]
        others = f" and {len(self.agents) - 1} more" if len(self.agents) > 1 else ""
        return f"No agent of the queue {queue} is connected ({first.agent.name}{others}: {first.cause})"


def location_line(location: CodeLocation, agents: list[AgentView]) -> LocationLine:
    """With those of the agents that serve its queue. Call it inside org_scope, with every agent of the organization."""
    return location_lines([location], agents)[0]


def location_lines(locations: Sequence[CodeLocation], agents: list[AgentView]) -> list[LocationLine]:
    """As `location_line` for locations of one deployment, with as many queries as for one of them."""
    if not locations:
        return []
    asked = asking(locations[0].org_id, agents)
    anything = served_by_name(locations[0].deployment, location="", queue="")
    return [
        LocationLine(
            location=row,
            agents=[view for view in agents if row.queue in view.agent.queues],
            serving=asked.asked(served_there(anything, row, row.desired)),
        )
        for row in locations
    ]
