"""The configuration of a deployment from the command line: everything is decided by the server, which the document is sent to."""

import difflib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import typer
import yaml
from rich.text import Text

from controlplane.cli.api_client import ApiClient
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.output import console, errors, say_json
from controlplane.cli.profile import load_profile
from controlplane.cli.words import content_of

# As of `diff` and `git diff --exit-code` tells less: 1 is a failure here.
DIFFERENT = 2
_SIGNS = {"add": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red")}
_LINES = {"+": "green", "-": "red", "@": "cyan"}


def export_configuration(deployment: str | None, *, file: Path | None) -> None:
    """Write the document."""
    with ApiClient(load_profile(deployment=deployment)) as api:
        text = api.get("configuration/")["configuration"]
    if file is None:
        sys.stdout.write(text)
        return
    file.write_text(text)
    errors.print(f"Written to {file}.", markup=False)


def compare(file: Path, *, deployment: str | None, prune: bool, as_json: bool) -> int:
    """Show what would change; 0 when nothing would, else DIFFERENT."""
    plan = _put(file, deployment, prune=prune, dry_run=True)
    _show(plan, as_json=as_json)
    return DIFFERENT if plan["changes"] else ExitCode.OK


def apply_configuration(file: Path, *, deployment: str | None, prune: bool, dry_run: bool, as_json: bool) -> None:
    """Send the document, and show what changed."""
    plan = _put(file, deployment, prune=prune, dry_run=dry_run)
    _show(plan, as_json=as_json)
    if not as_json and plan["applied"]:
        count = len(plan["changes"])
        errors.print(f"{count} {'change' if count == 1 else 'changes'} made." if count else "Nothing to change.")


def print_settings(deployment: str | None, *, as_json: bool) -> None:
    """What is set."""
    with ApiClient(load_profile(deployment=deployment)) as api:
        settings = api.get("settings/")["settings"]
    if as_json:
        say_json(settings)
        return
    sys.stdout.write(_yaml(settings))


def set_settings(file: Path, *, deployment: str | None) -> None:
    """Replace them."""
    text = _read(file)
    with ApiClient(load_profile(deployment=deployment)) as api:
        api.put("settings/", {"text": text})
    errors.print("The settings are stored.")


def edit_settings(deployment: str | None) -> None:
    """In the person's editor, until the server takes them or nothing more is changed."""
    with ApiClient(load_profile(deployment=deployment)) as api:
        text = _yaml(api.get("settings/")["settings"])
        while True:
            changed = click.edit(text, extension=".yaml")
            if changed is None or changed == text:
                errors.print("Nothing was changed.")
                return
            try:
                api.put("settings/", {"text": changed})
            except CommandError as error:
                errors.print(Text(str(error), style="red"))
                if not typer.confirm("Edit again?", default=True):
                    raise
                text = changed
                continue
            errors.print("The settings are stored.")
            return


def _put(file: Path, deployment: str | None, *, prune: bool, dry_run: bool) -> Any:
    body = {"configuration": _read(file), "file": str(file)[-200:]}
    with ApiClient(load_profile(deployment=deployment)) as api:
        return api.put(f"configuration/?prune={str(prune).lower()}&dry_run={str(dry_run).lower()}", body)


def _read(file: Path) -> str:
    try:
        return content_of(file)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}", exit_code=ExitCode.USAGE) from error


def _show(plan: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(plan)
        return
    for change in plan["changes"]:
        sign, style = _SIGNS[change["action"]]
        console.print(Text(f"{sign} {change['part']} {change['unit']}".rstrip(), style=style), soft_wrap=True)
        for line in _difference(change["before"], change["after"]):
            console.print(Text(f"    {line}", style=_LINES.get(line[:1], "")), soft_wrap=True)
    if not plan["changes"]:
        console.print("Nothing differs.")
    for warning in plan["warnings"]:
        errors.print(Text(f"! {warning}", style="yellow"))


def _difference(before: Any, after: Any) -> Iterator[str]:
    old, new = (_yaml(value).splitlines() if value is not None else [] for value in (before, after))
    # The two lines that name files say nothing here.
    yield from list(difflib.unified_diff(old, new, lineterm="", n=2))[2:]


def _yaml(value: Any) -> str:
    text: str = yaml.safe_dump(value, sort_keys=True, allow_unicode=True)
    return text.removesuffix("...\n")
