"""sendmail -bs: what of smtpd(8) it has, what becomes of its messages, and how it ends. tests/interop compares the replies with Postfix's."""

import os
import pwd
import threading

import pytest

from pyfix.commands import standalone
from pyfix.commands.common import Failure
from pyfix.config import Config
from pyfix.model import NOTIFY_SUCCESS, SMTPUTF8


class Log:
    def __init__(self):
        self.lines = []

    def info(self, text):
        self.lines.append(text if isinstance(text, str) else text.decode())

    warning = info


@pytest.fixture
def config(tmp_path):
    (tmp_path / "main.cf").write_text(f"compatibility_level = 3.6\nqueue_directory = {tmp_path}\nmyhostname = a.example\nmessage_size_limit = 1000\n"
                                      "smtpd_error_sleep_time = 0\nsmtpd_timeout = 1\n")
    return Config.load(str(tmp_path))


def talk(config, monkeypatch, data, answer="250 2.0.0 Ok: queued as X", close=True):
    """(replies, submissions, log lines) of one session that is given all at once."""
    told, log, (source, feed), (drain, target) = [], Log(), os.pipe(), os.pipe()

    def submit(config, message, content):
        told.append((message, content))
        if isinstance(answer, Failure):
            raise answer
        return answer

    monkeypatch.setattr(standalone, "submit", submit)
    os.write(feed, data)
    if close:
        os.close(feed)
    thread = threading.Thread(target=standalone.Dialogue(config, log, source, target).run)
    thread.start()
    thread.join(20)
    os.close(target)
    with open(drain, "rb") as file:
        return file.read().splitlines(), told, log.lines


START = b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"


def test_a_message_with_all_that_can_be_said_of_it(config, monkeypatch):
    replies, [(message, content)], lines = talk(
        config, monkeypatch, b"EHLO x\r\nMAIL FROM:<a@b> RET=HDRS ENVID=me SMTPUTF8\r\nRCPT TO:<c@d> NOTIFY=SUCCESS ORCPT=rfc822;e@f\r\n"
        b"RCPT TO:<g@h>\r\nDATA\r\n..x\r\n.\r\nQUIT\r\n")
    assert message.sender == b"a@b" and message.attributes == {"ret": "2", "envid": "me", "flags": str(SMTPUTF8)}
    assert [(one.address, one.notify, one.orcpt) for one in message.recipients] == [(b"c@d", NOTIFY_SUCCESS, b"rfc822;e@f"), (b"g@h", 0, b"")]
    assert content == b".x\r\n" and replies[-2:] == [b"250 2.0.0 Ok: queued as X", b"221 2.0.0 Bye"]
    assert lines == ["connect from localhost[127.0.0.1]",
                     "disconnect from localhost[127.0.0.1] ehlo=1 mail=1 rcpt=2 data=1 quit=1 commands=6"]


@pytest.mark.parametrize("answer, reply", [
    ("", b"250 2.0.0 Ok"), (Failure("message file too big"), b"552 5.3.4 Error: message file too big"),
    (Failure("no postdrop command"), b"451 4.3.0 Error: queue file write error"), (Failure("550 5.7.1 no"), b"550 5.7.1 no")])
def test_what_became_of_it(config, monkeypatch, answer, reply):
    replies, told, _ = talk(config, monkeypatch, START + b"DATA\r\nx\r\n.\r\nMAIL FROM:<>\r\nDATA\r\nQUIT\r\n", answer)
    assert replies[-4:] == [reply, b"250 2.1.0 Ok", b"554 5.5.1 Error: no valid recipients", b"221 2.0.0 Bye"] and len(told) == 1


def test_chunks_are_counted(config, monkeypatch):
    replies, [(_, content)], _ = talk(config, monkeypatch, START + b"BDAT 2\r\nabBDAT 2 LAST\r\ncdQUIT\r\n")
    assert content == b"abcd\r\n" and replies[-2] == b"250 2.0.0 Ok: 6 bytes queued as X"


def test_nothing_is_submitted_before_its_end(config, monkeypatch):
    replies, told, lines = talk(config, monkeypatch, START + b"DATA\r\nx\r\n.\n\r\nQUIT\r\n")
    assert told == [] and lines[1].startswith("lost connection after DATA") and lines[1].endswith("from localhost[127.0.0.1]")


def test_a_bare_newline_ends_data_for_those_whom_the_configuration_trusts(config, monkeypatch):
    trusting = config.override([("smtpd_forbid_bare_newline_exclusions", "127.0.0.0/8")])
    assert len(talk(trusting, monkeypatch, START + b"DATA\nx\n.\nQUIT\n")[1]) == 1
    assert talk(config, monkeypatch, START + b"DATA\nx\n.\nQUIT\n")[1] == []


def test_who_says_nothing_is_sent_away(config, monkeypatch):
    replies, _, lines = talk(config, monkeypatch, b"NOOP\r\n", close=False)
    assert replies[-1] == b"421 4.4.2 a.example Error: timeout exceeded" and lines[1] == "timeout after NOOP from localhost[127.0.0.1]"


def test_what_is_too_big_is_refused_early_and_late(config, monkeypatch):
    replies, told, lines = talk(config, monkeypatch, b"EHLO x\r\nMAIL FROM:<a@b> SIZE=1001\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"
                                + b"x" * 2000 + b"\r\n.\r\nQUIT\r\n")
    assert b"552 5.3.4 Message size exceeds fixed limit" in replies and b"552 5.3.4 Error: message file too big" in replies and told == []
    assert lines[1] == "NOQUEUE: reject: MAIL from localhost[127.0.0.1]: 552 5.3.4 Message size exceeds fixed limit; from=<a@b> proto=ESMTP helo=<x>"


def test_mail_owner_is_told_where_access_control_is(config, monkeypatch):
    user = next(entry for entry in pwd.getpwall() if entry.pw_uid)
    monkeypatch.setattr(os, "getuid", lambda: user.pw_uid)
    with pytest.raises(Failure, match="asks for access control"):
        standalone.serve(config.override([("mail_owner", user.pw_name)]), lambda: None)
