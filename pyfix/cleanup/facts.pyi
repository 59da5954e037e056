"""What cleanup must know of a message header, in one pass. C-level: see ext/pyfix/cleanup/facts.pxd."""

from enum import IntFlag

class Field(IntFlag):
    """Bits of "present": which fields a header has."""

    F_DATE = 1
    F_FROM = 2
    F_TO = 4
    F_CC = 8
    F_BCC = 16
    F_MESSAGE_ID = 32
    F_SENDER = 64
    F_RESENT = 128
    F_RESENT_DATE = 256
    F_RESENT_FROM = 512
    F_RESENT_MESSAGE_ID = 1024
    F_RESENT_RCPT = 2048
    F_REPLY_TO = 4096
    F_MIME = 8192
    F_LOOSE = 65536

def facts_of(header: bytes, last: bool = True, drop_mask: int = 15) -> dict[str, object]:
    """For the tests: what read_facts() finds, as a dict."""
