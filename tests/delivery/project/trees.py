"""Project folders for tests, written from texts by path."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent


def write_tree(root: Path, files: Mapping[str, str]) -> Path:
    """Write the files; returns the root."""
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text))
    return root
