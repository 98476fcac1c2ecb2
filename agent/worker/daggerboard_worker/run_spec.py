"""The contract's RunSpec."""

from dataclasses import dataclass, field, fields
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class RunSpec:
    run_id: str
    job: str
    attempt: int = 1
    epoch: int = 0
    asset_selection: list[list[str]] | None = None
    check_selection: list[Any] | None = None
    op_selection: list[str] | None = None
    step_keys: list[str] | None = None
    partition: str | None = None
    run_config: Json = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    parent_run_id: str | None = None
    root_run_id: str | None = None
    input_records: list[Json] | None = None

    @classmethod
    def from_json(cls, values: Json) -> "RunSpec":
        known = {item.name for item in fields(cls)}
        given = {name: value for name, value in values.items() if name in known and value is not None}
        return cls(**given)

    @property
    def attempt_id(self) -> str:
        return f"{self.run_id}/{self.attempt}"
