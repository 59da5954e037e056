"""Recipients from the header of a message: sendmail -t.

Law: sendmail(1) "-t", RFC 5322 section 3.6. To, Cc and Bcc count, or Resent-To, -Cc and -Bcc where there is
any of these. The Bcc field itself is left out later, by cleanup (message_drop_headers).
"""

from collections.abc import Iterator

from pyfix._core import tok822

FIELDS = (b"to", b"cc", b"bcc")
RESENT = (b"resent-to", b"resent-cc", b"resent-bcc")


def addresses(text: bytes) -> list[bytes]:
    """The addresses of a list in external form, each in internal form."""
    tree = tok822.parse(text)
    return [tok822.internalize(members, inside=True) for kind, members in tree if kind == tok822.OP_ADDR]


def fields(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(lower-case name, value with its line ends) of the header fields, up to what is no header."""
    name, value = b"", b""
    for raw in _lines(content):
        line = raw.rstrip(b"\r\n")
        if name and line[:1] in (b" ", b"\t"):
            value += b"\n" + line
            continue
        if name:
            yield name, value
        name, colon, value = line.partition(b":")
        name = name.rstrip(b" \t").lower()
        if not line or not colon or not name or any(byte <= 32 or byte == 127 for byte in name):
            return
    if name:
        yield name, value


def _lines(content: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(content):
        end = content.find(b"\n", at)
        end = len(content) if end < 0 else end + 1
        yield content[at:end]
        at = end


def header_recipients(content: bytes) -> list[bytes]:
    """The recipients that the header names, in order."""
    plain: list[bytes] = []
    resent: list[bytes] = []
    again = False
    for name, value in fields(content):
        if name in FIELDS:
            plain += addresses(value)
        elif name in RESENT:
            again = True
            resent += addresses(value)
    return resent if again else plain
