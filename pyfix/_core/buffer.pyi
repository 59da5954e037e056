"""Stub of `pyfix._core.buffer`: growable bytes in C."""


class Buffer:
    """Bytes that grow at the end."""

    def __len__(self) -> int: ...
    def extend(self, data: bytes | bytearray) -> None:
        """Append bytes."""
    def number(self, value: int) -> None:
        """Append a number in decimal digits; 0 <= value < 2**64."""
    def take(self) -> bytes:
        """All bytes; the buffer is empty afterwards."""
