"""Stored content becomes what follows 354. See ext/pyfix/_core/outgoing.pyx."""

class Encoder:
    """encode() each chunk, then finish(). limit: longest line in bytes (smtp_line_length_limit), 0 for none."""

    def __init__(self, limit: int = 998) -> None: ...
    @property
    def folded(self) -> bool:
        """Whether a line had to be broken."""
    def clean(self, data: bytes) -> int:
        """How many leading bytes of `data` may be sent as they are; they count as encoded."""
    def encode(self, data: bytes) -> bytes:
        """The chunk as it goes on the wire."""
    def finish(self) -> bytes:
        """What ends the content: CRLF if the last line is open, then the final dot."""
