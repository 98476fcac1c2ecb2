"""What is installed is what runs from the checkout: no folder of the agent is left out of its wheel."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_folder_of_the_agent_is_in_its_wheel():
    wheel = tomllib.loads((ROOT / "agent/pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    folders = {path.parent.relative_to(ROOT / "agent").parts[0] for path in ROOT.glob("agent/*/__init__.py")}

    assert {pattern.partition("/")[0] for pattern in wheel["include"]} == {"*.py", "worker", *folders}
