"""Stub of `pyfix.title`: what ps(1) and top(1) show of a process."""

from collections.abc import Iterable

def set_command_line(words: Iterable[bytes]) -> int:
    """Show `words` as this process's command line, cut to the room that its own took; that room in bytes. Raises OSError."""

def set_name(name: bytes) -> None:
    """The name in /proc/PID/comm, at most 15 bytes are kept. Raises OSError."""
