"""Archives for tests: good ones, and what somebody hostile would pack."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping

from agent.protocol import Source


def packed(files: Mapping[str, str | bytes], *members: tarfile.TarInfo) -> bytes:
    """A gzipped tar of these files, then of these members without content."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for member in members:
            tar.addfile(member)
    return gzip.compress(file.getvalue(), mtime=0)


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def special(name: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    return member


def source_of(content: bytes) -> Source:
    return Source(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
