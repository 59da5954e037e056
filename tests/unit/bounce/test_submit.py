"""Our own notifications pass the address mappings, as all internal mail does (cleanup(8)); header checks they do not pass."""

import pytest

from pyfix.bounce.submit import Submit
from pyfix.config import Config
from pyfix.model import SMTPUTF8
from pyfix.queue.envelope import unpack
from tests.kit.qmgr import Clock, Log

BODY = b"From: MAILER-DAEMON (Mail Delivery System)\r\nTo: me@in.test\r\nSubject: x\r\n\r\nbody\r\n"


class Pen:
    """A Writer that keeps what it is given."""

    def new_id(self):
        return b"4F2A13C05D"

    def commit(self, envelope, content, token):
        self.envelope, self.content = unpack(envelope), content


@pytest.mark.parametrize("tables, to, header", [
    ("", [(b"me@in.test", b"")], b"To: me@in.test\r\n"),
    ("virtual_alias_maps = inline:{{me@in.test = a@x.test, b@y.test}}\n",
     [(b"a@x.test", b"me@in.test"), (b"b@y.test", b"me@in.test")], b"To: me@in.test\r\n"),
    ("canonical_maps = inline:{{me@in.test = you@out.test}}\nheader_checks = static:REJECT\n",
     [(b"you@out.test", b"me@in.test")], b"To: you@out.test\r\n")])
def test_who_gets_a_notification(tmp_path, tables, to, header):
    (tmp_path / "main.cf").write_text("myhostname = mail.example.com\nmydestination =\n" + tables)
    pen = Pen()
    Submit(Config.load(str(tmp_path)), pen, Log(), Clock())(b"", b"me@in.test", BODY, lambda queue_id: None)
    assert [(r.address, r.original) for r in pen.envelope.recipients] == to
    assert all(r.notify == 0 for r in pen.envelope.recipients) and header in pen.content and pen.envelope.sender == b""


@pytest.mark.parametrize("to, orcpt", [(b"me@in.test", b""), (b"postmaster", b"rfc822;postmaster@mail.example.com"),
                                       ("\u00e4@in.test".encode(), "utf-8;\u00e4@in.test".encode())])
def test_what_a_server_is_told_of_a_notification(tmp_path, to, orcpt):
    """BODY=8BITMIME where the header says 8bit (else no server could be spared the 8-bit bytes), SMTPUTF8 where it is handed on, ORCPT."""
    (tmp_path / "main.cf").write_text("myhostname = mail.example.com\nmydestination =\n")
    pen = Pen()
    submit = Submit(Config.load(str(tmp_path)), pen, Log(), Clock())
    for encoding in (b"7bit", b"8bit"):
        content = BODY.replace(b"Subject:", b"Content-Transfer-Encoding: %b\r\nSubject:" % encoding)
        submit(b"", to, content, lambda queue_id: None, SMTPUTF8)
        assert pen.envelope.attributes.get("encoding") == (None if encoding == b"7bit" else "8bit")
        assert pen.envelope.flags & SMTPUTF8 and pen.envelope.recipients[0].orcpt == orcpt
    submit(b"", to, BODY, lambda queue_id: None)
    assert not pen.envelope.flags & SMTPUTF8
