"""docs/settings.md names every setting with its default and meaning, and no setting that there is not."""

import re

from agent.config import AGENT_PREFIX, SETTINGS
from controlplane.config.environment import DECLARED
from tests.architecture.source import ROOT, python_files

# Their defaults depend on other settings or on the machine; the page says so in words.
DERIVED = {"DAGGERBOARD_ALLOWED_HOSTS", "DAGGERBOARD_STATIC_ROOT"}
# Marks of ours between processes; nobody sets them.
INTERNAL = {"DAGGERBOARD_SUPERVISED_BY"}
ROW = re.compile(r"^\| `(DAGGERBOARD_\w+)` \| (.+?) \| (.+) \|$", re.MULTILINE)


def documented():
    return {name: (default, about) for name, default, about in ROW.findall((ROOT / "docs/settings.md").read_text())}


def written(default):
    match default:
        case bool():
            return "on" if default else "off"
        case float():
            return f"{default:g}"
        case int():
            return str(default)
        case None | "":
            return "none"
        case _:
            return f"`{default}`"


def test_every_setting_of_the_control_plane_is_documented():
    page = documented()

    wanted = {name: (written(known.default), known.about) for name, known in DECLARED.items()}
    found = {
        name: (wanted[name][0] if name in DERIVED or page[name][0] == "required" else page[name][0], page[name][1])
        for name in wanted
        if name in page
    }
    assert found == wanted


def test_every_setting_of_the_agent_is_documented():
    page = documented()

    wanted = {AGENT_PREFIX + s.name.upper(): (written(s.default), s.metadata["help"]) for s in SETTINGS}
    assert {name: page.get(name) for name in wanted} == wanted


def test_every_variable_in_the_code_is_on_the_page_and_the_other_way_round():
    page = set(re.findall(r"DAGGERBOARD_[A-Z0-9_]*[A-Z0-9]", (ROOT / "docs/settings.md").read_text()))

    used = {name for path in python_files("tenants", "controlplane", "agent") for name in _variables(path.read_text())}
    used |= {AGENT_PREFIX + s.name.upper() for s in SETTINGS}
    assert used - INTERNAL - page == set()
    assert page - used == set()


def _variables(text):
    return re.findall(r"DAGGERBOARD_[A-Z0-9_]*[A-Z0-9]\b(?!_)", text)
