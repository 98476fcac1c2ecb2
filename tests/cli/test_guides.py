"""What users copy works: templates are valid and call commands and options that there are; the curl recipe deploys (tests/e2e)."""

import re
import shlex
from pathlib import Path

import pytest
import typer
import yaml

from controlplane.cli.main import app
from controlplane.cli.run_commands import LaunchUnlessNamed

DOCS = Path(__file__).parents[2] / "docs"
FILES = [DOCS / "cli.md", DOCS / "ci.md", DOCS / "project-files.md", *sorted((DOCS / "ci").glob("*.yml"))]
CALL = re.compile(r"(?:^|[-`$;:] |then )daggerboard ([a-z][^`;|>#\n]*)", re.MULTILINE)
# Parsed by another program.
OTHERS = {"agent"}


def calls(path):
    return [found.strip() for found in CALL.findall(path.read_text())]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_commands_of_guides_and_templates_are_there(path):
    found = calls(path)
    unknown = [call for call in found if not parses(call)]

    assert unknown == []
    assert found or path.name == "project-files.md"


def parses(call):
    """Whether the words name a command, and every option is one of its own."""
    command, words = typer.main.get_command(app), shlex.split(call)
    while words and hasattr(command, "commands"):
        words = command.completed(words) if isinstance(command, LaunchUnlessNamed) else words
        command = command.commands.get(words.pop(0))
    if command is None:
        return False
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return all(word.split("=")[0] in known for word in words if word.startswith("-"))


@pytest.mark.parametrize("path", [path for path in FILES if path.suffix == ".yml"], ids=lambda path: path.name)
def test_templates_are_yaml_that_run_the_steps_in_order(path):
    assert yaml.safe_load(path.read_text())
    steps = [call.split()[1] for call in calls(path) if call.startswith("ci ")]
    assert steps[:4] == ["init", "build", "deploy", "notify"]
