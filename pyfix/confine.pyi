"""Stub of `pyfix.confine`: what a process gives up before it reads a byte from anyone."""

def no_new_privileges() -> None:
    """No exec of this process or its children gains anything from now on. Raises OSError."""

def has_no_new_privileges() -> bool:
    """True after `no_new_privileges`, here or in a parent."""

def drop_capabilities() -> None:
    """Give up all capabilities: permitted, effective, inheritable, ambient. Raises OSError."""

def not_dumpable() -> None:
    """No core file and no ptrace by the same user. Raises OSError."""

def adopt_orphans() -> None:
    """Descendants whose parent ends become our children. Raises OSError."""
