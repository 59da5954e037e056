"""How a local message is handed over: to public/submit, and in files in maildrop.

Law: this page, and ext/postdrop/postdrop.c, which checks the same. A message is a stream of records, each one type
byte, a 4-byte big-endian length, and data:

    S  sender (internal form; empty: the null sender), first and once
    A  "name=value": fullname, envid, ret (1 full, 2 headers), flags (bits of model), verp, rewrite_context
    N  NOTIFY bits for the next R, digits      O  ORCPT for the next R, "type;address"
    R  a recipient, internal form, at least one
    M  empty; the content follows
    L  a piece of content, at most CHUNK bytes, with LF or CRLF line ends as the user had them
    E  empty; the end

Data of S A N O R has no NUL, CR or LF and at most ENVELOPE_LIMIT bytes. On the socket the server answers one line,
`250 2.0.0 Ok: queued as ID`, after the message is durable. In maildrop the owner's x bit says that a file is complete.
"""

import struct
from collections.abc import Iterator
from pyfix.errors import PeerError

CHUNK = 65536
ENVELOPE_LIMIT = 4096
RECIPIENTS_LIMIT = 1_000_000

_head = struct.Struct(">cI")
HEAD_SIZE = _head.size


class Submitted:
    """One recipient: address, ORCPT value, NOTIFY bits of model."""

    __slots__ = ("address", "notify", "orcpt")

    def __init__(self, address: bytes, orcpt: bytes = b"", notify: int = 0) -> None:
        self.address, self.orcpt, self.notify = address, orcpt, notify


class Submission:
    """The envelope of a local message."""

    __slots__ = ("attributes", "recipients", "sender")

    def __init__(self, sender: bytes = b"", attributes: dict[str, str] | None = None,
                 recipients: list[Submitted] | None = None) -> None:
        self.sender, self.attributes, self.recipients = sender, attributes or {}, recipients or []


def record(kind: bytes, data: bytes = b"") -> bytes:
    """One record."""
    return _head.pack(kind, len(data)) + data


def head(raw: bytes) -> tuple[bytes, int]:
    """(type, length) of a record's first HEAD_SIZE bytes. Raises PeerError where they are out of bounds."""
    if len(raw) != HEAD_SIZE:
        raise PeerError("malformed submission: it ends inside a record")
    kind, size = _head.unpack(raw)
    limit = CHUNK if kind == b"L" else ENVELOPE_LIMIT if kind in (b"S", b"A", b"N", b"O", b"R") else 0
    if kind not in (b"S", b"A", b"N", b"O", b"R", b"M", b"L", b"E") or size > limit:
        raise PeerError(f"malformed submission: record type {kind[0]} of {size} bytes")
    return kind, size


def encode(message: Submission, content: bytes) -> Iterator[bytes]:
    """The records of a message. Raises PeerError for an envelope that can't be sent."""
    yield record(b"S", _checked(message.sender))
    for name, value in message.attributes.items():
        yield record(b"A", _checked(f"{name}={value}".encode("utf-8", "surrogateescape")))
    for one in message.recipients:
        if one.notify:
            yield record(b"N", b"%d" % one.notify)
        if one.orcpt:
            yield record(b"O", _checked(one.orcpt))
        yield record(b"R", _checked(one.address))
    yield record(b"M")
    for at in range(0, len(content), CHUNK):
        yield record(b"L", content[at:at + CHUNK])
    yield record(b"E")


def _checked(data: bytes) -> bytes:
    if len(data) > ENVELOPE_LIMIT or any(byte in data for byte in b"\0\r\n"):
        raise PeerError("an envelope address or attribute is too long or holds a control character")
    return data


class Decoder:
    """Takes records one after the other and keeps the envelope; hands on content.

    `take(kind, data)` gives the content bytes of an L record, else b"". `ended` after E.
    Raises PeerError for a record that has no place where it stands.
    """

    def __init__(self) -> None:
        self.message = Submission()
        self.ended = False
        self.content_begun = False
        self._begun = False
        self._next = Submitted(b"")

    def take(self, kind: bytes, data: bytes) -> bytes:
        """One record."""
        if self.ended:
            raise PeerError("malformed submission: data after the end")
        if kind in (b"L", b"E"):
            return self._content(kind, data)
        if self.content_begun or (kind == b"S") == self._begun:
            raise PeerError(f"malformed submission: record type {kind[0]} where it makes no sense")
        self._begun = True
        self._envelope(kind, _checked(data))
        return b""

    def _content(self, kind: bytes, data: bytes) -> bytes:
        if not self.content_begun:
            raise PeerError("malformed submission: content before its envelope is complete")
        self.ended = kind == b"E"
        return data

    def _envelope(self, kind: bytes, data: bytes) -> None:
        message, coming = self.message, self._next
        if kind == b"S":
            message.sender = data
        elif kind == b"A":
            name, equals, value = data.decode("utf-8", "surrogateescape").partition("=")
            if not equals or len(message.attributes) > 50:
                raise PeerError("malformed submission: attribute")
            message.attributes[name] = value
        elif kind == b"N":
            if not data.isdigit() or len(data) > 2 or int(data) > 15:
                raise PeerError("malformed submission: NOTIFY")
            coming.notify = int(data)
        elif kind == b"O":
            coming.orcpt = data
        elif kind == b"R":
            coming.address = data
            message.recipients.append(coming)
            self._next = Submitted(b"")
            if len(message.recipients) > RECIPIENTS_LIMIT:
                raise PeerError("too many recipients")
        elif not message.recipients:
            raise PeerError("no recipients")
        else:
            self.content_begun = True
