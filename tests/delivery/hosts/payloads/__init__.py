"""GitHub's own examples of its webhooks (the npm package @octokit/webhooks-examples), filled in for a fake repository."""

import copy
import functools
import json
from pathlib import Path
from typing import Any

from tests.tenants.sso.node_programs import install

_FOLDER = Path(__file__).parent
_EXAMPLES = _FOLDER / "node_modules" / "@octokit" / "webhooks-examples" / "api.github.com" / "index.json"
# The repository that the examples are about.
_EXAMPLE_NAME = "Codertocat/Hello-World"


@functools.cache
def _examples() -> dict[str, list[dict[str, Any]]]:
    install(_FOLDER)
    return {known["name"]: known["examples"] for known in json.loads(_EXAMPLES.read_text())}


def example(event: str, action: str = "", *, full_name: str = _EXAMPLE_NAME) -> dict[str, Any]:
    """The first example of an event with an action, or of the event when there is none with it; addresses name the repository."""
    known = _examples()[event]
    found = next((one for one in known if one.get("action", "") == action), known[0])
    text = json.dumps(found).replace(_EXAMPLE_NAME, full_name)
    return {**copy.deepcopy(json.loads(text)), **({"action": action} if action else {})}
