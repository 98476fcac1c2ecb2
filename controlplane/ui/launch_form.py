"""What somebody filled in on the launchpad, from an address, a form or a script; kept as typed, so that nothing gets lost."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from controlplane.runs.models import Run
from controlplane.runs.requests import PARTITION_TAG, RunRequest
from controlplane.ui import config_text
from tenants.errors import InvalidError


@dataclass(frozen=True, kw_only=True)
class LaunchForm:
    """The fields of the launchpad."""

    location: str = ""
    job: str = ""
    assets: tuple[str, ...] = ()
    ops: tuple[str, ...] = ()
    partition: str | None = None
    config: str = ""
    tags: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of_query(cls, query: QueryDict) -> "LaunchForm":
        """From an address or a posted form. A partition that is not in it (None) differs from an empty one."""
        return cls(
            location=query.get("location", ""),
            job=query.get("job", ""),
            assets=_filled([*query.getlist("asset"), *query.getlist("assets")]),
            ops=_filled(query.getlist("op")),
            partition=query.get("partition", "").strip() if "partition" in query else None,
            config=query.get("config", "").strip(),
            tags=_pairs(query.getlist("tag_name"), query.getlist("tag_value")),
        )

    @classmethod
    def of_json(cls, body: Mapping[str, Any]) -> "LaunchForm":
        """From a script, which has no tags to ask about."""

        def text(name: str) -> str:
            return str(body.get(name) or "")

        def texts(name: str) -> tuple[str, ...]:
            found = body.get(name)
            return _filled(str(one) for one in found) if isinstance(found, list) else ()

        return cls(
            location=text("location"),
            job=text("job"),
            assets=texts("assets"),
            ops=texts("ops"),
            partition=text("partition"),
            config=text("config"),
        )

    @classmethod
    def of_run(cls, run: Run, own_tags: Mapping[str, str]) -> "LaunchForm":
        """As a run was launched; tags that its job or its partition add again by themselves are left out."""
        tags = [(n, v) for n, v in run.tags.items() if own_tags.get(n) != v and not n.startswith(PARTITION_TAG)]
        return cls(
            location=run.location_name,
            job=run.job_name,
            assets=tuple(run.asset_selection or ()),
            ops=tuple(run.op_selection or ()),
            partition=run.partition_key,
            config=config_text.write(run.run_config),
            tags=tuple(tags),
        )

    def parsed_config(self) -> dict[str, Any]:
        """The run config; InvalidError says where it cannot be read."""
        return config_text.parse(self.config)

    def request(self) -> RunRequest:
        """What to ask `request_run` for; InvalidError names the field that is wrong."""
        return RunRequest(
            location=self.location or None,
            job=self.job or None,
            assets=self.assets or None,
            ops=self.ops or None,
            partition=self.partition or None,
            run_config=self.parsed_config(),
            tags=self._tag_table(),
        )

    def _tag_table(self) -> dict[str, str]:
        names = [name for name, _value in self.tags]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise InvalidError(f"The tag {min(twice)} is given twice.", attr="tags")
        if "" in names:
            raise InvalidError(f"The tag with the value {dict(self.tags)['']!r} has no name.", attr="tags")
        return dict(self.tags)


def _filled(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value.strip()))


def _pairs(names: list[str], values: list[str]) -> tuple[tuple[str, str], ...]:
    padded = [*values, *[""] * (len(names) - len(values))]
    return tuple((n.strip(), v.strip()) for n, v in zip(names, padded, strict=False) if n.strip() or v.strip())
