"""An asset check as it stands."""

from dataclasses import dataclass

from controlplane.catalog.models import CheckState
from controlplane.definitions.manifest import Check


@dataclass(frozen=True)
class CheckView:
    """An asset check with its latest evaluation. `definition` is None when the code no longer has it."""

    name: str
    definition: Check | None
    state: CheckState | None

    @property
    def status(self) -> str:
        """passed, warn, failed or missing."""
        if self.state is None:
            return "missing"
        if self.state.passed:
            return "passed"
        return "warn" if self.state.severity == "WARN" else "failed"
