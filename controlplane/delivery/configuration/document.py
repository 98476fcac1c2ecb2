"""The document: written from what is, and read strictly, with the line of whatever is wrong."""

from typing import Any

import yaml

from controlplane.delivery.configuration.automation_parts import SchedulesPart, SensorsPart
from controlplane.delivery.configuration.deployment_parts import ProtectionPart, SettingsPart
from controlplane.delivery.configuration.environment_part import EnvironmentPart
from controlplane.delivery.configuration.location_part import LocationPart
from controlplane.delivery.configuration.parts import Context, Part, Wanted
from controlplane.delivery.configuration.pool_part import PoolPart
from controlplane.delivery.project.lined import Strict, read_yaml
from controlplane.delivery.project.problems import refuse
from tenants.scoping import read_scope

VERSION = 1
MAX_BYTES = 1024 * 1024
# In the order in which they are applied: code before what is decided about its schedules.
PARTS: tuple[type[Part], ...] = (
    SettingsPart,
    PoolPart,
    ProtectionPart,
    LocationPart,
    SchedulesPart,
    SensorsPart,
    EnvironmentPart,
)
_KEYS = ("version", *(part.key for part in PARTS))
_HEAD = """\
# Configuration of the deployment {name}. What each key means: docs/config-as-code.md.
# Compare: daggerboard diff -f FILE -d {name}    Apply: daggerboard apply -f FILE -d {name}
"""


def written(context: Context) -> str:
    """The whole configuration within the rights of whoever asks, in a stable order. No value of a variable is in it."""
    with read_scope(context.org_id):
        document: dict[str, Any] = {"version": VERSION}
        for part in (kind(context) for kind in PARTS):
            document[part.key] = part.written(part.current())
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    return _HEAD.format(name=context.deployment.name) + text


def read(context: Context, text: str, *, path: str) -> dict[Part, Wanted]:
    """By part, what the document says; a part that it leaves out is not there. ProjectError with the line of everything that is wrong.

    Call it inside org_scope.
    """
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise refuse(f"A configuration is at most {MAX_BYTES:,} bytes.", path=path)
    strict = Strict(read_yaml(text, path))
    found = strict.mapping(strict.source.value, (), _KEYS)
    if found.get("version") != VERSION:
        strict.wrong(f"This reads version {VERSION}: begin with `version: {VERSION}`.", ("version",))
    given = strict.source.value if isinstance(strict.source.value, dict) else {}
    parts = [kind(context) for kind in PARTS if kind.key in given]
    wanted = {part: part.read(strict, given[part.key], (part.key,)) for part in parts}
    strict.done()
    return wanted
