"""An LRU cache in memory, bounded in bytes."""

import pickle
import time
from collections import OrderedDict
from threading import Lock
from typing import Any, NamedTuple

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

LARGEST_SHARE = 1 / 16  # of MAX_BYTES: a larger value would evict what many requests need
OVERHEAD_BYTES = 400  # of an entry, beside its name and value


class _Entry(NamedTuple):
    until: float | None  # Unix time; None for ever
    pickled: bytes


class LruStore:
    """A thread-safe LRU dictionary."""

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self.max_entries, self.max_bytes = max_entries, max_bytes
        self.bytes = 0
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, name: str) -> bytes | None:
        with self._lock:
            entry = self._entries.get(name)
            if entry is None or _is_expired(entry):
                self._drop(name)
                return None
            self._entries.move_to_end(name)
            return entry.pickled

    def set(self, name: str, entry: _Entry, *, is_new: bool = False) -> bool:
        """Store an entry; return whether it was stored. is_new: only if the name is absent."""
        with self._lock:
            existing = self._entries.get(name)
            if is_new and existing and not _is_expired(existing):
                return False
            self._drop(name)
            if _is_expired(entry) or (size := _size(name, entry)) > self.max_bytes * LARGEST_SHARE:
                return False
            self._entries[name] = entry
            self.bytes += size
            self._evict()
            return True

    def delete(self, name: str) -> bool:
        with self._lock:
            return self._drop(name)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self.bytes = 0

    def _evict(self) -> None:
        while self.bytes > self.max_bytes or len(self._entries) > self.max_entries:
            self._drop(next(iter(self._entries)))

    def _drop(self, name: str) -> bool:
        entry = self._entries.pop(name, None)
        self.bytes -= _size(name, entry) if entry else 0
        return entry is not None


def _is_expired(entry: _Entry) -> bool:
    return entry.until is not None and entry.until <= time.time()


def _size(name: str, entry: _Entry) -> int:
    return len(name) + len(entry.pickled) + OVERHEAD_BYTES


_stores: dict[str, LruStore] = {}  # by LOCATION: Django makes a cache object for each thread


class BoundedMemoryCache(BaseCache):
    """Django's cache interface over an LruStore. OPTIONS: MAX_ENTRIES, and MAX_BYTES of names and values together.

    Django's locmem counts no bytes, and drops a third of all entries at once.
    """

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        options = params["OPTIONS"]
        self.store = _stores.setdefault(location, LruStore(options["MAX_ENTRIES"], options["MAX_BYTES"]))

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        pickled = self.store.get(self.make_key(key, version))
        return default if pickled is None else pickle.loads(pickled)  # noqa: S301  # nosec B301  # our own bytes

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self.store.set(self.make_key(key, version), self._entry(value, timeout))

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return self.store.set(self.make_key(key, version), self._entry(value, timeout), is_new=True)

    def delete(self, key: str, version: int | None = None) -> bool:
        return self.store.delete(self.make_key(key, version))

    def clear(self) -> None:
        self.store.clear()

    def _entry(self, value: Any, timeout: Any) -> _Entry:
        return _Entry(self.get_backend_timeout(timeout), pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
