"""The one place that syncs, and that writes, renames or removes what must survive a power cut (docs/queue.md)."""

from pyfix.errors import QueueError

CREATE: int
WRITE: int
SYNC_BEGIN: int
SYNC_END: int
DIR_SYNC_BEGIN: int
DIR_SYNC_END: int
RENAME: int
UNLINK: int
TRUNCATE: int
ALLOCATE: int
MARK: int

def record() -> None:
    """Begin a recording, dropping an earlier one. Only tests do."""

def recorded() -> list[tuple[int, int, int, bytes, bytes]]:
    """End the recording: [(op, inode, number, first, second), ...] in the order of the calls."""

def fail_sync(after: int) -> None:
    """While recording: `after` more data syncs succeed, the next fails with EIO, once. Only tests do."""

def fill_disk(full: bool) -> None:
    """From now on no space can be reserved (ENOSPC), or it can again. Only tests do."""

def mark(text: bytes) -> None:
    """Put a remark (an acknowledgement given, say) into the recording."""

def trouble(number: int, what: str) -> QueueError:
    """The exception for an errno met while doing `what`: DiskFull for no space and no quota."""

class Directory:
    """A directory whose files are replaced, renamed and removed durably. QueueError, DiskFull from each method."""

    path: str
    fd: int
    def __init__(self, path: str) -> None: ...
    def create(self, name: bytes, mode: int = 0o600) -> int:
        """A new file; its descriptor, which the caller closes. The name is durable after sync()."""
    def write(self, fd: int, data: bytes, offset: int) -> None:
        """Write all of `data`."""
    def datasync(self, fd: int) -> None:
        """Make a file's data durable."""
    def sync(self) -> None:
        """Make the names durable."""
    def rename(self, old: bytes, new: bytes) -> None:
        """Rename; sync() makes it durable."""
    def unlink(self, name: bytes) -> None:
        """Remove; sync() makes it durable."""
    def allocate(self, fd: int, length: int) -> None:
        """Reserve disk space for a file."""
    def replace(self, name: bytes, data: bytes, mode: int = 0o600) -> None:
        """Put a whole file under `name`, all or nothing, durable on return."""
