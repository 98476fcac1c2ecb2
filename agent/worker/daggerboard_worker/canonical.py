"""Canonical bytes, their hash, and files named after it: what has not changed is recognised without reading it."""

import gzip
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def canonical_json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def fingerprint(value: object) -> str:
    """A short name for a part of the manifest, the same wherever the part appears."""
    return hashlib.sha256(canonical_json(value)).hexdigest()[:20]


def store(content: bytes, folder: Path) -> Json:
    """Write the content gzipped under its sha256, unless it is there; what the `ready` message says about it."""
    digest = hashlib.sha256(content).hexdigest()
    path = folder / f"{digest}.gz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(gzip.compress(content, compresslevel=6, mtime=0))
        os.replace(file.name, path)  # noqa: PTH105 - atomic, whoever else writes the same
    return {"path": str(path), "sha256": digest, "bytes": len(content)}
