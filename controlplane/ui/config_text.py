"""Run config as people type it: JSON, or YAML. Plain data only; dates stay text, aliases are refused."""

import json
from typing import Any, NoReturn

import yaml

from controlplane.runs.requests import CONFIG_BYTES_MAX
from tenants.errors import InvalidError

# Room for white space beside what a run accepts. YAML is read slowly: more of it than people write is refused.
_JSON_MAX = 4 * CONFIG_BYTES_MAX
_YAML_MAX = 128 * 1024
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _PlainLoader(yaml.SafeLoader):
    """SafeLoader without dates, which JSON has not, and without aliases, with which a small text becomes a huge value."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise InvalidError("Aliases (*name) are not supported here: write the value out.", attr="config")
        return super().compose_node(parent, index)


def parse(text: str) -> dict[str, Any]:
    """The config; InvalidError with the place where it cannot be read. Nothing at all is an empty config."""
    if len(text) > _JSON_MAX:
        raise InvalidError(f"The config has {len(text):,} characters; that is more than a run accepts.", attr="config")
    try:
        value = json.loads(text or "{}", parse_constant=_refuse)
    except RecursionError as error:
        raise InvalidError("The config is nested too deeply.", attr="config") from error
    except ValueError as error:
        value = _parse_yaml(text, error)
    if not isinstance(value, dict):
        raise InvalidError("The config is a table of names with values, in JSON { … }.", attr="config")
    return value


def write(value: Any) -> str:
    """As text to go on editing."""
    return json.dumps(value, indent=2, ensure_ascii=False) if value else ""


def _parse_yaml(text: str, as_json: ValueError) -> Any:
    if len(text) > _YAML_MAX:
        raise InvalidError(f"The config is not JSON ({as_json}), and too long for YAML.", attr="config")
    try:
        value = yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - a SafeLoader
        # Numbers that are none (.nan, .inf) and keys that are no text do not survive the way to the agent.
        return {} if value is None else json.loads(json.dumps(value, allow_nan=False))
    except yaml.YAMLError as error:
        raise InvalidError(_place(text, error, as_json), attr="config") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidError(f"The config has values that JSON cannot hold: {error}.", attr="config") from error


def _place(text: str, error: yaml.YAMLError, as_json: ValueError) -> str:
    if text.lstrip().startswith("{") and isinstance(as_json, json.JSONDecodeError):
        return f"The config is not JSON: {as_json.msg}, in line {as_json.lineno}, column {as_json.colno}."
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "it cannot be read"
    where = f", in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f"The config is neither JSON nor YAML: {problem}{where}."


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
