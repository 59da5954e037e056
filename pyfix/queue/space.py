"""Whether there is room for another message: queue_minfree (postconf(5)) and one and a half messages of the largest size."""

import os
import time

from pyfix.errors import QueueError


class Space:
    """`minfree` and `size_limit` are bytes (queue_minfree, message_size_limit; 0: no demand). Looks at the disk once a second at most."""

    def __init__(self, directory: str, minfree: int, size_limit: int) -> None:
        self._directory, self._need = directory, max(minfree, size_limit * 3 // 2)
        self._looked = 0.0
        self._enough = True

    def enough(self) -> bool:
        """Whether a message may be taken; where not, the answer is 452 4.3.1. QueueError: the directory can't be looked at."""
        now = time.monotonic()
        if self._need and now - self._looked >= 1.0:
            self._looked = now
            try:
                disk = os.statvfs(self._directory)
            except OSError as trouble:
                raise QueueError(f"{self._directory}: {trouble.strerror}") from None
            self._enough = disk.f_bavail * disk.f_frsize > self._need
        return self._enough
