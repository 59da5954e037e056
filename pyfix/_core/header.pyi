"""The header block of a message: fields, their known names, and what is missing, in one pass.

For Cython, `header.pxd` has `headers_begin` and `scan_headers(p, n, table, final)`, which fill a
caller-owned array without the GIL. Source: RFC 5322 section 2.2; postconf(5) header_size_limit.
"""

HEADER_NAMES: tuple[bytes, ...]
"""Lower-case names of the known fields; the index is the field id, 0 stands for any other."""

FLAG_8BIT: int
FLAG_NO_BLANK: int
FLAG_OVERFLOW: int
FLAG_LONG: int
FLAG_NUL: int

class HeaderScanner:
    """A header scan that is fed in pieces. `room`: fields kept; `limit`: header_size_limit, 0 for none."""

    done: bool

    def __init__(self, room: int = 1024, limit: int = 0) -> None: ...
    def feed(self, piece: bytes) -> bool:
        """Takes more content; true when the end of the header block is among what was given."""

    def finish(self) -> None:
        """The content ends here, and so does the header block if its end has not come."""

    @property
    def fields(self) -> list[tuple[int, bytes, bytes]]:
        """(id, name, value) of the fields whose lines are all there; values keep their line ends."""

    @property
    def body(self) -> int | None:
        """Offset of the body, None before the end is found."""

    @property
    def flags(self) -> int:
        """FLAG_* bits."""

    @property
    def count(self) -> int:
        """How many fields there were, also beyond the room."""

    @property
    def received(self) -> int:
        """Number of Received fields."""

    @property
    def delivered_to(self) -> int:
        """Number of Delivered-To fields."""

    @property
    def message_id(self) -> bytes:
        """Value of the first Message-ID without blanks around it, b"" if none."""

    def has(self, name: bytes) -> bool:
        """Was there a field of this known name (lower case)?"""
