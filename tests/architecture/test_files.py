"""House rules that a machine can check: length, opening words, names, and who reads the environment."""

import ast

from tests.architecture.source import PACKAGES, name_of, python_files, tree_of

MAX_LINES = 400
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
# `os.environ.setdefault(…)` of these is how Django and Celery are started; it reads nothing of ours.
STARTS = ("DJANGO_SETTINGS_MODULE", "CELERY_SKIP_CHECKS")
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "stuff"}


FILES = [path for path in python_files(*PACKAGES) if "migrations" not in path.parts]


def test_files_are_short():
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in FILES}

    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}


def test_files_say_what_they_are():
    assert [name_of(path) for path in FILES if path.name != "__init__.py" and not _says_what_it_is(path)] == []


def _says_what_it_is(path):
    tree = tree_of(path)
    return not tree.body or bool(ast.get_docstring(tree))


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
    line = path.read_text().splitlines()[node.lineno - 1]
    return any(name in line for name in STARTS)
