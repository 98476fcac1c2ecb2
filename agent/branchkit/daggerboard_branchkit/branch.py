"""Which branch deployment this process belongs to, if any, and the name under which the branch keeps its data.

Daggerboard tells it by environment variables (docs/environment.md); Dagster+ uses the same `DAGSTER_CLOUD_` names.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Postgres cuts identifiers at 63 bytes; tables and suffixes need room behind it.
LONGEST_PREFIX = 40
_PLAIN = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)


@dataclass(frozen=True)
class Branch:
    """A branch deployment. `base` is the full deployment it belongs to, empty when that is not known."""

    deployment: str
    base: str = ""
    pull_request: int | None = None

    @property
    def prefix(self) -> str:
        """A name for folders, schemas and tables of this branch alone: `pr_123`. Different branches of an organization never share one."""
        name = self.deployment.replace("-", "_")
        if _PLAIN.fullmatch(self.deployment) and len(name) <= LONGEST_PREFIX:
            return name
        digest = hashlib.sha256(self.deployment.encode()).hexdigest()[:10]
        plain = re.sub(r"[^a-z0-9]+", "_", self.deployment.lower()).strip("_")
        return f"b_{plain}"[: LONGEST_PREFIX - 11] + f"_{digest}"


def current_branch(environment: Mapping[str, str] | None = None) -> Branch | None:
    """The branch deployment of this process; None in a full deployment and outside of one, such as in `dagster dev`."""
    env = os.environ if environment is None else environment
    if "1" not in {env.get("DAGGERBOARD_IS_BRANCH_DEPLOYMENT"), env.get("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT")}:
        return None
    deployment = env.get("DAGGERBOARD_DEPLOYMENT") or env.get("DAGSTER_CLOUD_DEPLOYMENT_NAME") or ""
    if not deployment:
        raise RuntimeError("This is a branch deployment, and DAGGERBOARD_DEPLOYMENT does not say which one.")
    number = env.get("DAGSTER_CLOUD_PULL_REQUEST_ID", "")
    return Branch(
        deployment=deployment,
        base=env.get("DAGGERBOARD_BASE_DEPLOYMENT", ""),
        pull_request=int(number) if number.isdigit() else None,
    )
