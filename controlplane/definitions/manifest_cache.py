"""A cache of decoded manifests, bounded by the size of what they were decoded from. Safe to use from threads."""

import threading
from collections import OrderedDict
from uuid import UUID

from controlplane.definitions.manifest import Manifest

Key = tuple[UUID, str]


class ManifestCache:
    """Least recently used goes first. A hash is cached per organization: knowing a hash opens nothing."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[Key, tuple[Manifest, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Key) -> Manifest | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: Key, manifest: Manifest, *, size: int) -> None:
        """Keep it; one that is larger than the whole cache is not kept."""
        with self._lock:
            if key in self._entries or size > self._max_bytes:
                return
            self._entries[key] = (manifest, size)
            self._bytes += size
            while self._bytes > self._max_bytes:
                _key, (_manifest, freed) = self._entries.popitem(last=False)
                self._bytes -= freed

    def __len__(self) -> int:
        return len(self._entries)
