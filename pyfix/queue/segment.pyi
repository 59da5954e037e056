"""Segment files: how one is made, numbered, locked, and cut after a failed sync (docs/queue.md "Segments")."""

def cut_value(data: bytes, number: int) -> int:
    """The offset in a .cut file; 0 when the file is not whole."""

def try_lock(fd: int) -> bool:
    """Whether no writer has the segment: takes the exclusive lock, which lasts until the file is closed."""
