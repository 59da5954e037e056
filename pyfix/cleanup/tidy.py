"""A header brought into the form that Postfix keeps: no blank before a field's colon, nothing behind a NUL.

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
