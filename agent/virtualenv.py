"""What activating a virtual environment does to a process' environment, so that user code finds its own programs (dbt, say)."""

import os
from collections.abc import Mapping
from pathlib import Path


def activated(environment: Mapping[str, str], executable: str | Path) -> dict[str, str]:
    """The environment in which `executable`'s own programs come first on PATH; VIRTUAL_ENV too when it is in such a folder."""
    programs = Path(executable).absolute().parent
    path = os.pathsep.join(filter(None, [str(programs), environment.get("PATH", os.defpath)]))
    activated_environment = {**environment, "PATH": path}
    if (programs.parent / "pyvenv.cfg").is_file():
        activated_environment["VIRTUAL_ENV"] = str(programs.parent)
    else:
        activated_environment.pop("VIRTUAL_ENV", None)
    return activated_environment
