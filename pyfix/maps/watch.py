"""Noticing that the file of a table was replaced: at most one look a second."""

from __future__ import annotations

import os
import time

from .. import jail


class Watch:
    """Remembers which file `path` led to."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.changes = 1
        self._next = time.monotonic() + 1
        self._seen = self._look()

    def _look(self) -> tuple[int, ...] | None:
        try:
            status = os.stat(self.path)
        except OSError:
            return None
        return status.st_ino, status.st_dev, status.st_mtime_ns, status.st_size

    def changed(self) -> bool:
        """Does the name lead to another file than at the last call? A missing name is no change. In a jail the name leads nowhere: master
        watches there."""
        now = time.monotonic()
        if now < self._next or jail.entered:
            return False
        self._next = now + 1
        seen = self._look()
        if seen is None or seen == self._seen:
            return False
        self._seen = seen
        self.changes += 1
        return True
