"""A header brought into the form that Postfix keeps: no blank before a field's colon, nothing behind a NUL, no field too long.

Law: cleanup(8); RFC 5322 section 4.5 (the obsolete blank before the colon) and section 4 (NUL is obsolete everywhere).
Postfix handles a header as strings that a NUL ends, line by line; a body keeps its NULs. Rare, so in Python:
an Intake sees whether its header needs it.
"""

import re

_BLANK_BEFORE_COLON = re.compile(rb"([!-9;-~]+)[ \t]+:")


def tidied(header: bytes) -> bytes:
    """A header block, CRLF line ends, with each of its lines tidied; which fields there are does not change."""
    return b"\n".join(map(tidied_line, header.split(b"\n")))


def tidied_line(line: bytes) -> bytes:
    """A line, its CR included: cut at the first NUL, "Subject :" made "Subject:"."""
    text = line.removesuffix(b"\r")
    end = line[len(text):]
    text = text.partition(b"\0")[0]
    loose = _BLANK_BEFORE_COLON.match(text)
    return (loose[1] + text[loose.end() - 1:] if loose else text) + end


def shortened(header: bytes, limit: int) -> bytes:
    """A header block in which no field has more than `limit` bytes, a line end within it counted as one: postconf(5) header_size_limit."""
    kept, size = [], 0
    for line in header.split(b"\r\n"):
        folded = line[:1] in (b" ", b"\t") and bool(kept)
        if folded and size + 1 >= limit:      # an empty line would end the header
            continue
        size = size + 1 if folded else 0
        kept.append(line[:limit - size])
        size += len(kept[-1])
    return b"\r\n".join(kept)
