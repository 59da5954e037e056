"""postcat -q: our messages as Postfix's records, with the offsets they would have (as Debian's Postfix printed them)."""

from pyfix.commands.stored import as_records
from pyfix.message import Envelope, Recipient
from pyfix.model import LOCAL_SUBMISSION

CLIENT = {"client_name": "localhost", "client_address": "127.0.0.1", "reverse_name": "localhost", "protocol": "ESMTP",
          "helo": "[127.0.0.1]", "client_port": "46934", "encoding": "8bit"}


def envelope(flags, attributes):
    people = [Recipient(b"c@dead.example", b"", b"rfc822;c@dead.example", 10), Recipient(b"e@f", b"g@h")]
    return Envelope(b"555CE21427C", 1_795_379_948_000_000, b"a@b.example", flags, size=9, ret=2, envid=b"abc", attributes=attributes,
                    recipients=people)


def rows(flags=0, attributes=CLIENT, pending=(0, 1)):
    return list(as_records(envelope(flags, attributes), b"A: b\r\n\r\nc", set(pending)))


def test_a_message_that_came_by_smtp():
    shown = [f"{row.type} {row.data.decode()}" for row in rows()]
    assert shown[0] == f"C {9:15d} {rows()[-5].offset:15d} {2:15d} {0:15d} {9:15d} {0:15d}"
    assert shown[1:] == [
        "T 1795379948 0", "A create_time=1795379948", "A log_ident=555CE21427C", "A rewrite_context=remote", "A envelope_id=abc", "A ret_flags=2", "S a@b.example",
        "A encoding=8bit", "A log_client_name=localhost", "A log_client_address=127.0.0.1", "A log_client_port=46934",
        "A log_message_origin=localhost[127.0.0.1]", "A log_helo_name=[127.0.0.1]", "A log_protocol_name=ESMTP",
        "A client_name=localhost", "A reverse_client_name=localhost", "A client_address=127.0.0.1", "A client_port=46934",
        "A helo_name=[127.0.0.1]", "A protocol_name=ESMTP", "A notify_flags=10", "A dsn_orig_rcpt=rfc822;c@dead.example",
        "O c@dead.example", "R c@dead.example", "O g@h", "R e@f", "M ", "N A: b", "N ", "N c", "X ", "E "]


def test_a_local_message_has_no_client():
    shown = [row.data for row in rows(LOCAL_SUBMISSION, {"protocol": "local", "client_name": "localhost"})]
    assert b"rewrite_context=local" in shown and not any(b"client_name" in data for data in shown)


def test_who_is_through_is_said():
    assert [row.type for row in rows(pending=(1,)) if row.data in (b"c@dead.example", b"e@f")] == ["O", "D", "R"]


def test_offsets_are_those_of_a_file():
    found = rows()
    assert found[1].offset == 97 and all(a.end == b.offset for a, b in zip(found, found[1:], strict=False))
    long = list(as_records(envelope(0, {}), b"x" * 200 + b"\r\n", set()))
    assert next(row.end - row.offset for row in long if row.type == "N") == 203
