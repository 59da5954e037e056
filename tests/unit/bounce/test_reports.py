"""Who is told what, and how it reads."""

import email
import email.policy
from types import SimpleNamespace

import pytest

from pyfix import model
from pyfix.bounce import report, template
from pyfix.bounce.reports import Reports, asked, header_values
from pyfix.config import Config
from pyfix.errors import ConfigError, QueueError
from pyfix.model import Envelope, Recipient
from tests.kit.qmgr import Clock, Log

BODY = b"From: s@example.org\r\nSubject: hello\r\nMessage-Id: <one@x>\r\n\r\nbody\r\n"
SAID = "host mx.example.com[192.0.2.1] said: 550-5.1.1 no such user 550 5.1.1 here (in reply to RCPT TO command)"


class Desk:
    """Reports with what it sent: (sender, recipient, content)."""

    def __init__(self, path, main_cf="", body=BODY):
        (path / "main.cf").write_text("myhostname = mail.example.com\nmyorigin = $myhostname\n" + main_cf)
        self.sent, self.log, self.fail, self.failed = [], Log(), False, None
        reader = SimpleNamespace(open=self.open)
        self.body = body
        self.reports = Reports(Config.load(str(path)), reader, self.submit, self.log, Clock())

    def open(self, place):
        if self.body is None:
            raise QueueError("damaged")
        return None, self.body

    def submit(self, sender, to, content, tell, flags=0):
        self.flags = flags
        self.sent.append((sender, to, content))
        tell(None if self.fail else b"NEW%d" % len(self.sent))

    def queue(self, kind, *outcomes, sender=b"s@example.org", recipients=None, **more):
        recipients = recipients or [Recipient(b"a@example.com"), Recipient(b"b@example.com")]
        envelope = Envelope(b"ABC123", 1_600_000_000_000_000, sender, size=len(self.body or b""), recipients=recipients, **more)
        message = SimpleNamespace(segment=1, offset=2, length=3)
        self.reports.queue(message, envelope, [(kind, list(outcomes))], lambda failed: setattr(self, "failed", failed))
        return self.sent


def parts(content):
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert message.get_content_type() == "multipart/report" and message["Auto-Submitted"] == "auto-replied"
    assert message.get_param("report-type") == "delivery-status" and not message.defects
    return message.get_payload()


def test_a_failure_goes_to_the_sender(tmp_path):
    desk = Desk(tmp_path)
    [(sender, to, content)] = desk.queue("failure", (0, "5.1.1", SAID))
    text, status, original = parts(content)
    assert (sender, to, desk.failed) == (b"", b"s@example.org", set())
    assert desk.log == ["ABC123: sender non-delivery notification: NEW1"]
    assert "This is the mail system at host mail.example.com." in text.get_content()
    assert "<a@example.com>: host mx.example.com[192.0.2.1] said:" in text.get_content()
    per_message, per_recipient = status.get_payload()
    assert list(per_message.keys()) == ["Reporting-MTA", "X-Postfix-Queue-ID", "X-Postfix-Sender", "Arrival-Date"]
    assert per_recipient.items() == [
        ("Final-Recipient", "rfc822; a@example.com"), ("Original-Recipient", "rfc822;a@example.com"),
        ("Action", "failed"), ("Status", "5.1.1"), ("Remote-MTA", "dns; mx.example.com"),
        ("Diagnostic-Code", "smtp; 550-5.1.1 no such user 550 5.1.1 here")]
    assert original["Content-Description"] == "Undelivered Message" and content.count(BODY) == 1
    assert b"\r\nReturn-Path: <s@example.org>\r\nFrom: s@example.org\r\n" in content


@pytest.mark.parametrize("main_cf, ret, full", [
    ("", model.RET_NONE, True), ("", model.RET_FULL, True), ("", model.RET_HEADERS, False),
    ("bounce_size_limit = 10\n", model.RET_NONE, False), ("bounce_size_limit = 10\n", model.RET_FULL, False)])
def test_how_much_is_returned(tmp_path, main_cf, ret, full):
    [(_, _, content)] = Desk(tmp_path, main_cf).queue("failure", (0, "5.0.0", "no"), ret=ret)
    assert (b"\r\nbody\r\n" in content) == full
    assert (b"text/rfc822-headers" in content) == (not full) and b"Subject: hello" in content


def test_postmaster_copies_have_headers_only(tmp_path):
    sent = Desk(tmp_path, "notify_classes = bounce, delay\n").queue("failure", (0, "5.0.0", "no"))
    assert [(sender, to) for sender, to, _ in sent] == [(b"", b"s@example.org"),
                                                        (b"double-bounce@mail.example.com", b"postmaster")]
    assert b"\r\nbody\r\n" not in sent[1][2] and b"Subject: Postmaster Copy: Undelivered Mail" in sent[1][2]
    assert b"\r\nTo: postmaster@mail.example.com\r\nAuto-Submitted: auto-generated\r\n" in sent[1][2]


@pytest.mark.parametrize("notify", [model.NOTIFY_NEVER, model.NOTIFY_SUCCESS])
def test_the_postmaster_is_told_of_recipients_that_the_sender_does_not_ask_about(tmp_path, notify):
    """The sender's NOTIFY is about the sender's own reports: Postfix's copies for the postmaster have all that failed."""
    people = [Recipient(b"a@example.com", notify=notify), Recipient(b"b@example.com")]
    desk = Desk(tmp_path, "notify_classes = bounce, 2bounce\n")
    both = desk.queue("failure", (0, "5.0.0", "no"), (1, "5.0.0", "no"), recipients=people)
    assert [content.count(b"Final-Recipient:") for _, _, content in both] == [1, 2]
    one = Desk(tmp_path, "notify_classes = bounce, 2bounce\n").queue("failure", (0, "5.0.0", "no"), recipients=people)
    assert [sender for sender, _, _ in one] == [b"double-bounce@mail.example.com"]
    again = Desk(tmp_path, "notify_classes = 2bounce\n").queue("failure", (0, "5.0.0", "no"), recipients=people, sender=b"")
    assert [to for _, to, _ in again] == [b"postmaster"]


def test_a_report_about_smtputf8_mail_asks_for_it_too(tmp_path):
    desk = Desk(tmp_path)
    desk.queue("failure", (0, "5.0.0", "no"), flags=model.SMTPUTF8 | model.HAS_8BIT)
    assert desk.flags == model.SMTPUTF8


def test_no_blank_ends_a_folded_line():
    assert report.folded("a " * 60)[-1].endswith(b"a") and report.folded("x ") == [b"x"]


def test_no_bounce_of_a_bounce(tmp_path):
    desk = Desk(tmp_path)
    assert desk.queue("failure", (0, "5.0.0", "no"), sender=b"") == [] and desk.failed == set()
    assert desk.queue("delay", (0, "4.0.0", "no"), sender=b"") == []
    desk = Desk(tmp_path, "notify_classes = 2bounce\n")
    [(sender, to, content)] = desk.queue("failure", (0, "5.0.0", "no"), sender=b"")
    assert (sender, to) == (b"double-bounce@mail.example.com", b"postmaster") and b"\r\nbody\r\n" in content
    assert b"\r\nX-Postfix-Sender: rfc822; MAILER-DAEMON@mail.example.com\r\n" in content
    assert b"\r\nReturn-Path: <MAILER-DAEMON@mail.example.com>\r\n" in content
    assert desk.log == ["ABC123: postmaster non-delivery notification: NEW1"]


def test_a_double_bounce_is_dropped_loudly(tmp_path):
    desk = Desk(tmp_path, "notify_classes = bounce, 2bounce\n")
    assert desk.queue("failure", (0, "5.0.0", "no"), sender=b"Double-Bounce@mail.example.com") == []
    assert desk.log == ["warning: ABC123: undeliverable postmaster notification discarded"] and desk.failed == set()


def test_what_cannot_be_queued_or_read_is_said(tmp_path):
    desk = Desk(tmp_path)
    desk.fail = True
    desk.queue("failure", (0, "5.0.0", "no"))
    assert desk.failed == {"failure"}
    desk = Desk(tmp_path, body=None)
    desk.queue("failure", (0, "5.0.0", "no"))
    assert desk.failed == {"failure"} and desk.sent == []


@pytest.mark.parametrize("notify, kinds", [
    (0, {"failure", "delay"}), (model.NOTIFY_NEVER, set()), (model.NOTIFY_SUCCESS, {"success"}),
    (model.NOTIFY_FAILURE, {"failure"}), (model.NOTIFY_FAILURE | model.NOTIFY_DELAY, {"failure", "delay"})])
def test_notify(notify, kinds):
    assert {kind for kind in ("failure", "delay", "success") if asked(notify, kind)} == kinds


def test_success_and_delay(tmp_path):
    desk = Desk(tmp_path)
    people = [Recipient(b"a@example.com", orcpt=b"rfc822;A@old.example", notify=model.NOTIFY_SUCCESS)]
    [(_, _, content)] = desk.queue("success", (0, "relayed", "2.0.0", "250 ok"), recipients=people, envid=b"QQ1")
    assert b"\r\nAction: relayed\r\n" in content and b"\r\nOriginal-Envelope-Id: QQ1\r\n" in content
    assert b"\r\nOriginal-Recipient: rfc822;A@old.example\r\n" in content and b"\r\nbody\r\n" not in content
    assert desk.log == ["ABC123: sender delivery status notification: NEW1"]
    [*_, (_, _, content)] = desk.queue("success", (0, "cleared", "2.0.0", "250 ok"), recipients=[Recipient(b"a@example.com")])
    assert b"\r\nAction: relayed\r\n" in content
    content = desk.queue("delay", (0, "4.2.0", "later"))[-1][2]
    assert b"\r\nAction: delayed\r\n" in content and b"\r\nWill-Retry-Until: " in content
    assert b"Subject: Delayed Mail (still being retried)" in content


def test_a_hostile_reply_cannot_forge_a_field_or_a_part(tmp_path):
    evil = "host x[1.2.3.4] said: 550 a\r\n\r\n--B\nAction: delivered\x00\x1b[2J (in reply to end of DATA command)"
    people = [Recipient(b"a\r\nAction: delivered\r\n@example.com", original=b"\n\n.\n@x", orcpt=b"rfc822;a\r\nStatus: 2.0.0")]
    [(_, _, content)] = Desk(tmp_path).queue("failure", (0, "5.0.0", evil), recipients=people, envid=b"e\r\nX: y")
    _, status, _ = parts(content)
    assert [part.get_all("Action") for part in status.get_payload()] == [None, ["failed"]]
    assert b"\n\n" not in content.replace(b"\r\n", b"") and b"\x1b" not in content and b"\0" not in content


def test_long_reasons_are_folded():
    assert report.folded("a " * 60)[1].startswith(b"    a") and max(map(len, report.folded("word " * 100))) <= 79
    assert report.folded("x" * 200) == [b"x" * 200]


def test_threads():
    assert header_values(b"Message-ID:\r\n <a@b>\r\nX: y\r\nReferences: <1>\r\n\t<2>\r\n\r\nMessage-Id: no\r\n") == {
        b"message-id": b"<a@b>", b"references": b"<1> <2>"}


def load(tmp_path, text, warn=print):
    (tmp_path / "main.cf").write_text("myhostname = h.example\n")
    (tmp_path / "bounce.cf").write_text(text)
    config = Config.load(str(tmp_path))
    return config, template.load(config, str(tmp_path / "bounce.cf"), warn)


def test_template_file(tmp_path):
    config, found = load(tmp_path, "# comment\n\nfailure_template = <<END\nCharset: utf-8\nfrom: Wir <MAILER-DAEMON>\n"
                                   "Subject: weg\n\n\nHier ist $myhostname, $$5, ${maximal_queue_lifetime_hours} h \u00fc\nEND\n"
                                   "delay_template = late\n")
    one = found["failure"]
    assert (one.charset, one.sender, one.subject) == ("utf-8", "Wir <MAILER-DAEMON>", "weg")
    assert template.expand(one, config, print) == "Hier ist h.example, $5, 120 h \u00fc\n"
    assert (found["delay"].subject, found["delay"].text) == ("Delayed Mail (still being retried)", "late\n")


@pytest.mark.parametrize("text, says", [
    ("nonsense\n", "missing '=' after attribute name: \"nonsense\""), ("\n= <<EOF\n", "missing attribute name"),
    ("failure_template = <<\n", "missing end marker after <<")])
def test_a_file_that_is_no_template_file(tmp_path, text, says):
    with pytest.raises(ConfigError, match=says) as caught:
        load(tmp_path, text)
    assert caught.value.file == str(tmp_path / "bounce.cf") and caught.value.line == 1 + text.startswith("\n") and caught.value.remedy


@pytest.mark.parametrize("text, says", [
    ("failure_template = <<EOF\nSubject: x\n\ntext\n", ', line 4: missing "EOF" end marker'),
    ("other_template = <<EOF\n\nx\nEOF\n", ", line 1: unknown template name: other_template -- ignoring this template"),
    ("failure_template = <<EOF\nSubject: x\n\nEOF\n", ": missing message text in failure template -- ignoring this template"),
    ("failure_template =\n", ": missing message text in failure template -- ignoring this template"),
    ("failure_template = <<EOF\nX-Foo: x\n\ny\nEOF\n", ': unknown "X-Foo" header label in failure template -- ignoring this template'),
    ("verify_template = <<EOF\nPostmaster-Subject: x\n\ny\nEOF\n",
     ': inapplicable "Postmaster-Subject" header label in verify template -- ignoring this template'),
    ("failure_template = <<EOF\nCharset:\n\ny\nEOF\n", ': empty "Charset" header value in failure template -- ignoring this template'),
    ("failure_template = <<EOF\nSubject: \u00fc\n\nx\nEOF\n", ': non-ASCII "Subject" header value in failure template -- ignoring this template'),
    ("failure_template = <<EOF\n\n\u00fc\nEOF\n", ": 8-bit message text in failure template")])
def test_bad_templates_are_named(tmp_path, text, says):
    told = []
    config, found = load(tmp_path, text, told.append)
    assert told[0] == f"{tmp_path}/bounce.cf{says}"
    assert (found == template.built_in(config)) == ("end marker" not in says)


@pytest.mark.parametrize("line, says", [("body $nosuch.", "undefined $name"), ("a ${x", "bad $name syntax")])
def test_a_template_that_cant_be_expanded_is_not_used(tmp_path, line, says):
    config, found = load(tmp_path, f"failure_template = <<EOF\n\nfine\n{line}\nEOF\n")
    with pytest.raises(ConfigError):
        template.expand(found["failure"], config, print)
    told = []
    assert template.checked(found, config, told.append) == template.built_in(config)
    assert told == [f"{tmp_path}/bounce.cf: {says} in failure template: {line} -- ignoring this template"]


def test_an_excessive_time_is_warned_about(tmp_path):
    config, found = load(tmp_path, "failure_template = $maximal_queue_lifetime_seconds ${maximal_queue_lifetime_seconds?{x}}\n")
    warnings = []
    assert template.expand(found["failure"], config, warnings.append) == "432000 x\n"
    assert warnings[0].endswith('excessive result "432000" in failure template conversion of parameter "maximal_queue_lifetime_seconds"')
    assert len(warnings) == 3


def test_a_zero_time_is_warned_about(tmp_path):
    config, found = load(tmp_path, "")
    warnings = []
    template.expand(found["delay"], config, warnings.append)
    assert not warnings     # no delay warnings: nobody reads the template
    config = config.override([("delay_warning_time", "30m")])
    template.expand(found["delay"], config, warnings.append)
    assert warnings == ['[built-in]: zero result in delay template conversion of parameter "delay_warning_time_hours"',
                        'please reduce time unit "hours" of "delay_warning_time_hours" in delay template',
                        "for instructions see the bounce(5) manual"]


def test_verp_tells_each_recipient_s_own_sender(tmp_path):
    recipients = [Recipient(b"a@c.example"), Recipient(b"b@d.example", notify=model.NOTIFY_NEVER), Recipient(b"c@e.example")]
    outcomes = [(index, "5.1.1", SAID) for index in range(3)]
    more = {"recipients": recipients, "flags": model.VERP, "attributes": {"verp_delimiters": "+="}}
    desk = Desk(tmp_path)
    desk.queue("failure", *outcomes, **more)
    assert [to for _, to, _ in desk.sent] == [b"s+a=c.example@example.org", b"s+c=e.example@example.org"]
    assert [content.count(b"Final-Recipient:") for *_, content in desk.sent] == [1, 1]
    desk = Desk(tmp_path, "disable_verp_bounces = yes\n")
    desk.queue("failure", *outcomes, **more)
    assert [to for _, to, _ in desk.sent] == [b"s@example.org"]
