"""Stub of `pyfix._core.command`: one SMTP command line, cut into tokens."""

NAMES: tuple[bytes, ...]

def tokens(line: bytes) -> list[tuple[str, bytes]]:
    """[(type, text), ...]; type is "error" where a closing quote or bracket is missing, else "other"."""

def verb(name: bytes) -> bytes:
    """The verb's name in lower case, b"unknown" if it is none."""
