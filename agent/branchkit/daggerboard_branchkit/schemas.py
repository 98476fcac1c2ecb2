"""Databases: names of schemas and tables for a branch. The kit makes names and statements; your own connection runs them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from daggerboard_branchkit.branch import Branch, current_branch
from daggerboard_branchkit.errors import BaseWriteRefusedError, NotABranchError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*", re.ASCII)


@dataclass(frozen=True)
class BranchSchema:
    """One schema of the base, `analytics`, and the branch's own, `pr_123_analytics`."""

    base: str
    branch: Branch | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.base):
            raise ValueError(f"{self.base!r} is no name of a schema: letters, digits and _ only.")

    @classmethod
    def here(cls, base: str) -> BranchSchema:
        """The schema as the deployment of this process sees it."""
        return cls(base, current_branch())

    @property
    def for_writing(self) -> str:
        """The schema to write to."""
        return f"{self.branch.prefix}_{self.base}" if self.branch else self.base

    @property
    def for_reading(self) -> tuple[str, ...]:
        """Schemas to look in, the first that has the table counts: a search path."""
        return (self.for_writing, self.base) if self.branch else (self.base,)

    def require_writable(self, schema: str) -> str:
        """The schema itself; BaseWriteRefusedError when code of a branch would write to another's."""
        if self.branch is not None and schema.lower() != self.for_writing.lower():
            raise BaseWriteRefusedError(
                f"{self.branch.deployment} is a branch deployment: it writes to {self.for_writing}, not to {schema}."
            )
        return schema

    def create_statement(self) -> str:
        """`CREATE SCHEMA IF NOT EXISTS pr_123_analytics`, for the job that runs when the branch is created."""
        return f"CREATE SCHEMA IF NOT EXISTS {self.for_writing}"

    def drop_statement(self) -> str:
        """`DROP SCHEMA IF EXISTS pr_123_analytics CASCADE`, for the job that runs at the end. NotABranchError in a full deployment."""
        if self.branch is None:
            raise NotABranchError(f"{self.base} belongs to a full deployment: it is not dropped.")
        return f"DROP SCHEMA IF EXISTS {self.for_writing} CASCADE"
