"""The envelope as it stands in a log record (ext/pyfix/queue/envelope.pyx). Law: docs/queue.md "Envelope"."""

from pyfix.model import Envelope

def pack(envelope: Envelope) -> bytes:
    """The bytes of an envelope, to be given to Writer.commit()."""

def unpack(data: bytes | bytearray | memoryview) -> Envelope:
    """The envelope in `data`. Corrupt when it is not exactly one envelope of a version known here."""
