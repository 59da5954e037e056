"""Seeded traffic; see ext/pyfix/load/traffic.pyx."""

from typing import Any

from pyfix._core.request import Request

class Pattern:
    """An address with {u} and {d} for numbers."""

    text: bytes
    def __init__(self, text: str) -> None: ...
    def example(self, user: int = 0, domain: int = 0, index: int = 0) -> bytes:
        """One address of this pattern."""

class Blob:
    """A body, as it is (`raw`) and as it goes behind 354 (`wire`). ValueError: its line ends are not all CRLF."""

    head: bytes
    raw: bytes
    wire: bytes
    eight_bit: bool
    marked: bool
    crc: int
    def __init__(self, body: bytes, marked: bool = True, head: bytes = b"") -> None: ...

class Letter:
    """One message, ready to go."""

    request: Request
    blob: Blob
    number: int
    head: bytes
    tail: bytes

class Traffic:
    """What a run sends. ValueError: a bad run id or weight."""

    run: bytes
    seed: int
    def __init__(self, run: bytes, seed: int, tenants: list[Any], blobs: list[Any], counts: list[Any]) -> None: ...
    def example(self, number: int, stamp: int = 0) -> tuple[bytes, list[bytes], bytes]:
        """(sender, recipients, content) of message `number`."""
