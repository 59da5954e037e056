"""Postfix's own queue files: a sequence of typed records. Used by postcat, for files that Postfix wrote.

A record is a type byte, a length in groups of seven bits (least significant first, the high bit says that
more follow) and that many bytes. Manual page: postcat(1); the types are those of Postfix 3.
"""

from collections.abc import Iterator
from typing import NamedTuple

LONGEST = 1 << 30

NAMES = {
    "C": "message_size", "T": "message_arrival_time", "c": "create_time", "f": "record_flags",
    "F": "sender_fullname", "I": "inspect_content", "L": "content_filter", "S": "sender", "<": "dsn_return",
    "i": "dsn_envelope_id", "n": "dsn_notify_flags", "o": "dsn_orig_rcpt", "D": "done_recipient", "R": "recipient",
    "O": "original_recipient", "/": "canceled_recipient", "K": "killed_record", "M": "message_content",
    "X": "extracted_info", "E": "end", "W": "warn_message_time", "A": "named_attribute", "p": "pointer_record",
    ">": "redirect_to", "V": "verp_delimiters", "r": "return_receipt", "e": "errors_to", "N": "regular_text",
    "w": "padding", "B": "turned_on_by", "b": "bcc_recipient", "t": "milter_time", "x": "filter", "d": "delay",
}


class Damaged(Exception):
    """The file has no more records that make sense; says why."""


class Record(NamedTuple):
    """One record; `type` is one character, `end` the offset behind it."""

    offset: int
    type: str
    data: bytes
    end: int


def read(data: bytes, offset: int = 0) -> Record | None:
    """The record at `offset`; None at the end of the data. Raises Damaged."""
    if offset >= len(data):
        return None
    kind, at, length, shift = chr(data[offset]), offset + 1, 0, 0
    while True:
        if at >= len(data) or shift > 28:
            raise Damaged("unexpected EOF" if at >= len(data) else "bad record length")
        byte = data[at]
        at += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    if length > LONGEST or at + length > len(data):
        raise Damaged(f"unexpected EOF in record type {ord(kind)}")
    return Record(offset, kind, data[at:at + length], at + length)


def records(data: bytes) -> Iterator[Record]:
    """All records in reading order: pointers are followed, but not backwards for ever. Raises Damaged."""
    offset, steps = 0, 0
    while (record := read(data, offset)) is not None:
        yield record
        offset = record.end
        if record.type == "p" and record.data.strip().isdigit():
            offset = int(record.data) or record.end
        steps += 1
        if steps > len(data) + 1:
            raise Damaged("pointer loop")
