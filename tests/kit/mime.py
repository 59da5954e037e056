"""What a MimeState finds, in a shape that does not depend on how its input was cut, and what its twin finds in the same shape."""

from collections.abc import Iterable

from pyfix._core.mime import MimeState
from tests.oracle import mime as oracle

Found = tuple[list[tuple[object, ...]], int, bool]


class Sink:
    """Headers and body lines in order; neighbouring raw() calls are one piece of text. Trouble is told apart."""

    def __init__(self) -> None:
        self.found: list[tuple[object, ...]] = []
        self.told: list[int] = []

    def header(self, kind: int, text: bytes, offset: int) -> None:
        self.found.append(("header", kind, text, offset))

    def header_end(self) -> None:
        self.found.append(("end",))

    def body(self, text: bytes, more: bool, offset: int) -> None:
        self.found.append(("body", text, more, offset))

    def raw(self, data: bytes) -> None:
        if self.found and self.found[-1][0] == "raw":
            data = self.found.pop()[1] + data               # type: ignore[operator]
        self.found.append(("raw", data))

    def trouble(self, kind: int, text: bytes) -> None:
        self.told.append(kind)


def scanned(content: bytes, cuts: Iterable[int], bodies: bool, limits: tuple[int, int, int, int], parse: bool = True) -> Found:
    """(what is found, errors, declared) in content that comes in these pieces. Each kind of trouble must be told just once."""
    sink, edges = Sink(), [0, *sorted(cuts), len(content)]
    state = MimeState(sink, *limits, bodies, parse)
    for start, end in zip(edges, edges[1:]):
        state.feed(content[start:end])
    state.finish()
    assert sum(sink.told) == state.errors and len(set(sink.told)) == len(sink.told)
    return sink.found, state.errors, state.declared


def expected(content: bytes, bodies: bool, limits: tuple[int, int, int, int], parse: bool = True) -> Found:
    """The same from the twin."""
    twin, shown = oracle.Scanner(*limits, parse).scan(content), Sink()
    for one in twin.found:
        if bodies or one[0] != "body":
            shown.found.append(one)
        else:
            shown.raw(one[1] if one[2] else one[1] + b"\r\n")
    return shown.found, twin.errors, twin.declared


def checked(content: bytes, cuts: Iterable[int], bodies: bool, limits: tuple[int, int, int, int], parse: bool = True) -> None:
    """Whole and in pieces, the scanner finds what its twin does."""
    want = expected(content, bodies, limits, parse)
    assert scanned(content, (), bodies, limits, parse) == want, (content, bodies, limits, parse)
    assert scanned(content, cuts, bodies, limits, parse) == want, (content, cuts, bodies, limits, parse)
