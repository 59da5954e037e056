"""Plain-Python twin of pyfix._core.outgoing: one line at a time, the way RFC 5321 tells it."""


def clean_lines(content: bytes) -> list[bytes]:
    """Lines of stored content; CR and LF that are no line end become spaces."""
    lines = content.split(b"\r\n")
    if lines[-1] == b"":
        lines.pop()
    return [line.replace(b"\r", b" ").replace(b"\n", b" ") for line in lines]


def fold(line: bytes, limit: int) -> list[bytes]:
    """The output lines of one line: the first `limit` bytes, then pieces behind a space."""
    if not limit or len(line) <= limit:
        return [line]
    pieces, rest = [line[:limit]], line[limit:]
    while rest:
        pieces.append(b" " + rest[:limit - 1])
        rest = rest[limit - 1:]
    return pieces


def encode(content: bytes, limit: int = 998) -> bytes:
    """All that follows 354."""
    out = []
    for line in clean_lines(content):
        pieces = fold(line, limit)
        if pieces[0].startswith(b"."):
            pieces[0] = b"." + pieces[0]
        out += pieces
    return b"".join(line + b"\r\n" for line in out) + b".\r\n"


def unstuff(wire: bytes) -> bytes:
    """What a receiver makes of the output of encode()."""
    assert wire.endswith(b".\r\n")
    lines = wire[:-3].split(b"\r\n")
    return b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)
