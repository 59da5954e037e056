"""A message through cleanup into a real log: header, Received field, limits, long content, failures."""

import asyncio
import types

import msgpack
import pytest
import uvloop

from pyfix.cleanup.intake import Intake
from pyfix.cleanup.origin import Origin
from pyfix.cleanup.stage import Cleanup
from pyfix.config import Config
from pyfix.errors import DiskFull
from pyfix.model import HAS_DOT_LINE, Recipient
from pyfix.queue.reader import Reader
from pyfix.queue.writer import Writer
from pyfix.resolve import ERROR, Resolution, Resolver
from pyfix.telemetry.maillog import Maillog

QID = r"[0-9A-F]+"


class FakeResolver(Resolver):
    """Everything goes to smtp:domain; "bad" is a syntax error."""

    def cached(self, address, sender=b""):
        domain = address.rpartition(b"@")[2].decode()
        return Resolution("smtp", domain, address, ERROR if domain == "bad" else 0)

    async def resolve(self, address, sender=b""):
        return self.cached(address, sender)


@pytest.fixture
def post(tmp_path):
    """post(content, ...) -> (Reply, queue id, Envelope, bytes of content, log lines)."""
    def deliver(content, recipients=(b"rcpt@dest.example",), local=False, uid=-1, pieces=None, main="", wrap=lambda writer: writer, sender=b"joe@x.example",
                actions=None, flags=HAS_DOT_LINE, notify=0):
        (tmp_path / "main.cf").write_text("myhostname = host.example\ncompatibility_level = 3.6\n"
                                          f"maillog_file = {tmp_path}/log\n" + main)

        async def main_():
            loop = asyncio.get_running_loop()
            config = Config.load(str(tmp_path))
            service = types.SimpleNamespace(config=config, loop=loop, maillog=lambda name: Maillog(config, name, loop))
            notices = []
            stage = Cleanup(service, FakeResolver(service.config), notices.extend)
            stage.writer = wrap(Writer(str(tmp_path), "smtpd.0", loop, stage.on_group))
            origin = Origin(b"from me (name [192.0.2.1])\r\n\tby host.example (Postfix) with ESMTP id ",
                            {"client_name": "name", "protocol": "ESMTP", "helo": "me"}, "name[192.0.2.1]", local, uid, "Jo Doe")
            intake = Intake(stage, origin)
            intake.queue_id, intake.sender = stage.writer.new_id(), sender
            intake.arrival = 1_800_000_000_000_000
            intake.recipients = [Recipient(address, notify=notify) for address in recipients]
            intake.actions = actions
            intake.start()
            for piece in pieces or [content]:
                intake.put(piece)
            reply = loop.create_future()
            intake.finish(flags, reply.set_result)
            result = await asyncio.wait_for(reply, 10)
            stage.log.flush()
            envelope = body = None
            if notices:
                reader = Reader(str(tmp_path))
                item = msgpack.unpackb(notices[0])
                envelope, stored = reader.open(item[2:5])
                body = bytes(stored)
                assert item[5] == envelope.size == len(body)
                assert sorted(i for site in item[9] for i in site[2]) == list(range(item[8])) == list(
                    range(len(envelope.recipients)))
            stage.writer.close()
            return result, intake.queue_id, envelope, body, (tmp_path / "log").read_text().splitlines()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(main_())
    return deliver


def test_an_ordinary_message_gets_a_received_field_and_nothing_else(post):
    content = b"Subject: x\r\nMessage-ID: <1@x>\r\n\r\nbody\r\n.dot\r\n"
    reply, qid, envelope, stored, log = post(content)
    assert reply == (250, "2.0.0", f"Ok: queued as {qid.decode()}")
    received, rest = stored[:-len(content)], stored[-len(content):]
    assert rest == content
    assert received.startswith(b"Received: from me (name [192.0.2.1])\r\n\tby host.example (Postfix) with ESMTP id "
                               + qid + b"\r\n\tfor <rcpt@dest.example>; ")
    assert received.endswith(b")\r\n") and received.count(b"\n") == 3
    assert (envelope.sender, envelope.flags) == (b"joe@x.example", HAS_DOT_LINE)
    assert [(r.address, r.transport, r.nexthop) for r in envelope.recipients] == [
        (b"rcpt@dest.example", "smtp", "dest.example")]
    assert log[0].endswith(f" {qid.decode()}: message-id=<1@x>") and "postfix/cleanup[" in log[0]


def test_several_recipients_are_not_named_in_the_received_field(post):
    _, qid, _, stored, _ = post(b"A: b\r\n\r\n", (b"a@x", b"b@y"))
    assert b"with ESMTP id " + qid + b";\r\n\t" in stored and b"for <" not in stored


def test_fields_that_must_not_travel_are_dropped(post):
    _, _, _, stored, _ = post(b"Bcc: secret@x\r\n , more@x\r\nSubject: x\r\nContent-Length: 9\r\nReturn-Path: <q@x>\r\n\r\nb\r\n")
    assert stored.endswith(b")\r\nSubject: x\r\n\r\nb\r\n")


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("pieces", [None, 1])
def test_a_header_is_tidied_as_postfix_does_it(post, local, pieces):
    content = (b"Date: now\r\nFrom: a@b.example\r\nTo: a@b.example\r\nMessage-Id : <1@x>\0 <2@x>\r\nSubject\t:a\0b\r\n c : d\0\r\nBcc : secret@x\r\n"
               b"\r\nbody : \0\r\n")
    _, qid, envelope, stored, log = post(content, local=local, pieces=pieces and [content[at:at + 1] for at in range(len(content))])
    assert stored.endswith(b")\r\nDate: now\r\nFrom: a@b.example\r\nTo: a@b.example\r\nMessage-Id: <1@x>\r\nSubject:a\r\n c : d\r\n"
                           b"\r\nbody : \0\r\n")
    assert log[0].endswith(f"{qid.decode()}: message-id=<1@x>")


def test_a_tidied_header_of_a_long_message(post):
    body = b"\r\n" + b"x" * 998 + b"\r\n"
    stored = post(b"", pieces=[b"Subject : x\r\nA: b\0c\r\n\r\n", *[body] * 600])[3]
    assert stored.endswith(b")\r\nSubject: x\r\nA: b\r\n\r\n" + body * 600)


def test_a_body_without_a_header_is_set_apart(post):
    assert post(b"no header\r\n")[3].endswith(b")\r\n\r\nno header\r\n")


@pytest.mark.parametrize("content", [b"", b"\r\n", b"A: b\r\n", b"A: b\r\n\r\n"])
def test_short_messages_are_kept_as_they_are(post, content):
    assert post(content)[3].endswith(b")\r\n" + content)


def test_a_local_client_gets_its_missing_fields(post):
    _, qid, _, stored, log = post(b"Subject: x\r\n\r\nbody\r\n", local=True,
                                  main="undisclosed_recipients_header = To: undisclosed-recipients:;\n")
    tail = stored[stored.index(b"Subject"):]
    message_id = b"<20270115080000." + qid + b"@host.example>"
    assert tail.startswith(b"Subject: x\r\nMessage-Id: " + message_id + b"\r\nDate: ")
    assert tail.endswith(b"\r\nFrom: Jo Doe <joe@x.example>\r\nTo: undisclosed-recipients:;\r\n\r\nbody\r\n")
    assert sum("message-id=" in line for line in log) == 1


COMPLETE = (b"From: Jo Doe <joe@x.example>\r\nTo: a@b.example,\r\n c@d.example\r\nMessage-Id: <1@x>\r\nDate: now\r\n"
            b"Subject: x\r\n\r\nbody\r\n")


def test_a_body_alone_of_a_local_client_gains_fields_and_no_bare_line_end(post):
    stored = post(b"\r\nbody\r\n", local=True)[3]
    assert stored.count(b"\n") == stored.count(b"\r\n")
    assert b")\r\nMessage-Id: <" in stored and stored.endswith(b"\r\nFrom: Jo Doe <joe@x.example>\r\n\r\nbody\r\n")


def test_a_complete_header_of_a_local_client_keeps_its_bytes(post):
    assert post(COMPLETE, local=True)[3].endswith(b")\r\n" + COMPLETE)


def test_a_bare_name_in_a_header_of_a_local_client_is_completed(post):
    content = COMPLETE.replace(b"To: a@b.example", b"To: root")
    stored = post(content, local=True)[3]
    assert b"\r\nTo: root@host.example, c@d.example\r\nMessage-Id" in stored
    assert post(content)[3].endswith(content)


def test_the_same_recipient_twice_is_queued_once(post):
    assert len(post(COMPLETE, (b"a@x.example", b"b@x.example", b"A@x.example"))[2].recipients) == 2


def test_an_envelope_sender_without_domain_is_completed(post):
    assert post(COMPLETE, sender=b"joe")[2].sender == b"joe@host.example"


def test_a_submission_names_the_user_instead_of_a_client(post):
    _, qid, envelope, stored, _ = post(b"A: b\r\n\r\n", uid=1000, local=True)
    assert stored.startswith(b"Received: by host.example (Postfix, from userid 1000)\r\n\tid " + qid + b"; ")
    assert envelope.flags & 32


@pytest.mark.parametrize("count, code", [(48, 250), (49, 554)])
def test_too_many_hops_are_refused(post, count, code):
    reply, _, envelope, _, log = post(b"Received: x\r\n" * count + b"\r\nb\r\n")
    assert any("warning: " in line and line.endswith(": message rejected: hopcount exceeded") for line in log) == (code == 554)
    assert reply.code == code and (envelope is None) == (code == 554)
    if code == 554:
        assert reply == (554, "5.4.0", "Error: too many hops")


def test_an_address_that_cannot_be_resolved_goes_to_the_error_transport(post):
    envelope = post(b"A: b\r\n\r\n", (b"x@bad",))[2]
    assert (envelope.recipients[0].transport, envelope.recipients[0].nexthop) == ("error", "5.1.3 bad address syntax")


@pytest.mark.parametrize("edit", [b"", b"Bcc: x\r\n"])
def test_long_content_is_spilled_and_comes_back_whole(post, edit):
    body = b"".join(b"line %07d of a long body\r\n" % n for n in range(60_000))
    content = b"Subject: long\r\n" + edit + b"\r\n" + body
    pieces = [content[at:at + 50_000] for at in range(0, len(content), 50_000)]
    _, _, envelope, stored, _ = post(content, pieces=pieces)
    assert stored.endswith(b")\r\nSubject: long\r\n\r\n" + body)
    assert len(envelope.extents) > 3 and envelope.size == len(stored)


class NoRoom:
    """A Writer whose disk is full."""

    def __init__(self, writer):
        self.new_id, self.close = writer.new_id, writer.close

    def chunk(self, data):
        raise DiskFull("no room")

    def commit(self, envelope, content, token, extents=None):
        raise DiskFull("no room")


@pytest.mark.parametrize("lines", [1, 5])
def test_a_full_disk_is_told_as_452_and_nothing_is_queued(post, lines):
    reply, _, envelope, _, log = post(b"", pieces=[b"A: b\r\n\r\n"] + [b"y" * 70_000 + b"\r\n"] * lines, wrap=NoRoom)
    assert reply == (452, "4.3.1", "Insufficient system storage") and envelope is None
    assert any("queue write error" in line for line in log)


@pytest.mark.parametrize("main, told", [("", "<>"), ("always_add_missing_headers = yes\n", None),
                                        ("remote_header_rewrite_domain = domain.invalid\n", None)])
def test_a_made_message_id_of_a_remote_client_is_told_once(post, main, told):
    """Where the field is completed for remote clients too, the log has the made one and no empty one before it."""
    _, queue_id, _, stored, log = post(b"Subject: x\r\n\r\nb\r\n", main=main)
    made = next((line.partition(": ")[2] for line in stored.decode().split("\r\n") if line.startswith("Message-Id:")), None)
    assert [line.rpartition("message-id=")[2] for line in log if "message-id=" in line] == [told or made] and (told is None) == (made is not None)
