"""Puts the bundled front end into the wheel: nobody who installs it needs Node."""

from __future__ import annotations

import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class FrontEndHook(BuildHookInterface[Any]):
    """Runs before a wheel is made; an editable install is served from the checkout and builds by `make`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from controlplane.ui.build import build  # only importable once the checkout is on the path

        build()
        build_data["artifacts"].append("controlplane/ui/static/dist/**")
