"""The structure of a MIME message: logical headers and body lines (RFC 2045, RFC 2046 section 5; cleanup(8))."""

from typing import Any

MAIN: int
MULT: int
NEST: int
NESTING: int
HEADER_LENGTH: int
HEADER_8BIT: int
BODY_8BIT: int
DOMAIN: int

def tokens_of(value: bytes) -> list[tuple[bool, bytes]]:
    """The tokens of a structured field without comments: (is it a word?, text)."""

class MimeState:
    """One message: feed() its content (CRLF line ends, any cuts), or line() each line, then finish().

    `sink` gets header(kind, text, offset), header_end(), body(text, more, offset), raw(data) and trouble(kind, text).
    bodies: body lines are wanted; else what is no header goes to raw(), CRLF included. parse: false with
    disable_mime_input_processing: everything behind the first header block is one body.
    `declared`: a part says that it is 8bit or binary. `errors`: the kinds of trouble seen.
    """

    def __init__(self, sink: Any, header_limit: int = 102400, nesting_limit: int = 100, boundary_limit: int = 2048,
                 line_limit: int = 2048, bodies: bool = True, parse: bool = True) -> None: ...
    @property
    def declared(self) -> bool:
        """Whether a part says that it is 8bit or binary."""
    @property
    def errors(self) -> int:
        """The kinds of trouble seen: NESTING HEADER_LENGTH HEADER_8BIT BODY_8BIT DOMAIN."""
    def feed(self, data: bytes) -> None:
        """The next bytes of the content."""
    def line(self, text: bytes, more: bool) -> None:
        """One line without its end, or a piece of one that goes on."""
    def finish(self) -> None:
        """No more content."""
