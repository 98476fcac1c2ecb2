"""House rules that a machine can check: length, opening words, names, and who reads the environment."""

import ast

import pytest

from tests.architecture.source import PACKAGES, name_of, python_files, tree_of

MAX_LINES = 400
# The wire is one file on purpose: whoever changes it sees all of it.
LONGER = {"agent/protocol.py": 560}
# The environment belongs to the settings, to the launchers that hand it on, and to the code worker, which lives in the user's.
READS_ENVIRONMENT = (
    "controlplane/config/environment.py",
    "controlplane/cli/",
    "controlplane/embedded/",
    "controlplane/ui/build.py",
    "agent/config.py",
    "agent/worker/",
    "agent/branchkit/",
)
# `os.environ.setdefault("DJANGO_SETTINGS_MODULE", …)` is how Django is started; it reads nothing of ours.
STARTS_DJANGO = "DJANGO_SETTINGS_MODULE"
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "stuff"}


@pytest.mark.parametrize("path", [p for p in python_files(*PACKAGES) if "migrations" not in p.parts], ids=name_of)
def test_file_is_short_and_says_what_it_is(path):
    text = path.read_text()

    assert len(text.splitlines()) <= LONGER.get(name_of(path), MAX_LINES)
    assert not text.strip() or path.name == "__init__.py" or ast.get_docstring(tree_of(path))


def test_names_say_something():
    assert [name_of(p) for p in python_files(*PACKAGES) if VAGUE & {p.stem, *p.parts}] == []


def test_environment_is_read_by_the_settings_only():
    found = {
        name_of(path)
        for path in python_files("tenants", "controlplane", "agent")
        if not name_of(path).startswith(READS_ENVIRONMENT) and _reads_environment(path)
    }

    assert found == set()


def _reads_environment(path):
    return any(
        isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"} and not _is_start(path, node)
        for node in ast.walk(tree_of(path))
    )


def _is_start(path, node):
    return STARTS_DJANGO in path.read_text().splitlines()[node.lineno - 1]
