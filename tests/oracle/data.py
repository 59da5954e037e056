"""The plain-Python twin of `_core.data`: content line by line, as the rules are told, with no thought of speed."""

import re

NO, NORMALIZE, NOTE, REJECT = range(4)


def scan(data: bytes, newlines: int = NORMALIZE, bdat: bool = False) -> tuple[bytes, int, bool, bool]:
    """(content, bytes used, end of data seen, a bare LF was seen) of DATA or of all BDAT chunks joined."""
    out, at, first, standard, bare = [], 0, True, True, False
    while True:
        end = data.find(b"\n", at)
        if end < 0:
            break
        line, at = data[at:end], end + 1
        crlf = line.endswith(b"\r") or newlines == NO
        before, standard = standard, line.endswith(b"\r")
        line = (line.rstrip(b"\r") if newlines == NO else line[:-1]) if line.endswith(b"\r") else line
        if not bdat and line == b".":
            if newlines == NO or (crlf and before):
                return b"".join(out), at, True, bare
            bare, first = bare or not standard, False
            continue
        bare = bare or not standard
        text = line[1:] if line.startswith(b".") and not bdat else line
        first = first and (bdat or not line.startswith(b"."))
        out.append(finished(text, first) + b"\r\n")
        first = first and re.match(rb">*From ", text) is not None
    if bdat and at < len(data):
        out.append(finished(data[at:], first) + b"\r\n")
        at = len(data)
    return b"".join(out), at, False, bare


def finished(text: bytes, first: bool) -> bytes:
    """A line as it is kept: a first line's traps disarmed, stray CRs blank."""
    if first and re.match(rb">*From ", text):
        text = b"X-Mailbox-Line: " + text
    elif first and text[:1] in (b" ", b"\t"):
        text = b"\r\n" + text
        return b"\r\n" + text[2:].replace(b"\r", b" ")
    return text.replace(b"\r", b" ")


def flags(content: bytes) -> tuple[bool, bool, bool]:
    """(a line starts with a dot, some byte is >= 0x80, some line is longer than 998) of kept content."""
    lines = content.split(b"\r\n")
    return any(x.startswith(b".") for x in lines), max(content, default=0) >= 0x80, any(len(x) > 998 for x in lines)
