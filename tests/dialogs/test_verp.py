"""XVERP: who may say it, what it may say, and what becomes of the message (VERP_README); the replies are those of Debian's Postfix."""

from pathlib import Path

import pytest

from pyfix import model
from pyfix.resolve import verp
from tests.kit.smtpd import Smtpd

E, M, R = b"EHLO a.example\r\n", b"MAIL FROM:<a@b.example>\r\n", b"RCPT TO:<x@example.org>\r\n"
D = [b"DATA\r\n", b"Subject: x\r\n\r\nx\r\n.\r\n"]
SETTINGS = "smtpd_authorized_verp_clients = 127.0.0.0/8"
NEEDS = b"501 5.5.4 Error: XVERP needs two characters from -=+\r\n"


def mail(words: bytes, sender: bytes = b"a@b.example") -> bytes:
    return b"MAIL FROM:<%b> %b\r\n" % (sender, words)


@pytest.mark.parametrize("words, reply", [
    (b"XVERP", b"250 2.1.0 Ok\r\n"), (b"xverp", b"250 2.1.0 Ok\r\n"), (b"XVERP=-=", b"250 2.1.0 Ok\r\n"), (b"XVERP XVERP", b"250 2.1.0 Ok\r\n"),
    (b"XVERP=", NEEDS), (b"XVERP=-", NEEDS), (b"XVERP=ab", NEEDS), (b"XVERP=+=+", NEEDS), (b"XVERP=+a", NEEDS),
    (b"XVERPX", b"555 5.5.4 Unsupported option: XVERPX\r\n")])
def test_the_parameter(tmp_path: Path, words: bytes, reply: bytes) -> None:
    with Smtpd(tmp_path, SETTINGS) as server:
        assert server.talk(E, mail(words))[2] == reply


def test_only_for_the_authorised_and_not_for_the_null_sender(tmp_path: Path) -> None:
    with Smtpd(tmp_path, SETTINGS) as server:
        replies = server.talk(E, mail(b"XVERP", b""), b"RCPT TO:<x@example.org> XVERP\r\n", M, b"RCPT TO:<x@example.org> XVERP\r\n")
        assert b"250-ETRN\r\n250-XVERP\r\n250-ENHANCEDSTATUSCODES\r\n" in replies[1]
        assert replies[2:] == [b"503 5.5.4 Error: XVERP requires non-null sender\r\n", b"503 5.5.1 Error: need MAIL command\r\n",
                               b"250 2.1.0 Ok\r\n", b"555 5.5.4 Unsupported option: XVERP\r\n"]
    with Smtpd(tmp_path, "smtpd_authorized_verp_clients = 192.0.2.1") as server:
        replies = server.talk(E, mail(b"XVERP"))
        assert b"XVERP" not in replies[1] and replies[2] == b"555 5.5.4 Unsupported option: XVERP\r\n"


def test_it_stays_with_its_message(tmp_path: Path) -> None:
    """The next message of the session has none of it."""
    with Smtpd(tmp_path, SETTINGS + "\ndefault_verp_delimiters = =+") as server:
        server.talk(E, mail(b"XVERP=-="), R, *D, M, R, *D, mail(b"XVERP"), R, *D)
        said = [(intake.origin.attributes.get(verp.ATTRIBUTE), bool(intake.flags & model.VERP)) for intake in server.messages]
    assert said == [("-=", True), (None, False), ("=+", True)]


@pytest.mark.parametrize("sender, recipient, varied", [
    (b"a@b.example", b"x@c.example", b"a+x=c.example@b.example"), (b"a+b@c.example", b"x+y@c.example", b"a+b+x+y=c.example@c.example"),
    (b"nodomain", b"x@c", b"nodomain+x=c"), (b"a@b", b"x", b"a+x@b"), (b"a@x@b", b'"q@r"@c', b'a@x+"q@r"=c@b')])
def test_the_address(sender: bytes, recipient: bytes, varied: bytes) -> None:
    assert verp.varied(sender, b"+=", recipient) == varied


def test_the_recipient_as_it_first_came() -> None:
    recipients = [model.Recipient(b"only@c.example", b"one@v.example"), model.Recipient(b"x@y", b"a\nb@c")]
    envelope = model.Envelope(b"ID", 0, b"s@x", model.VERP, 0, attributes={verp.ATTRIBUTE: "-="}, recipients=recipients)
    assert [verp.sender_of(envelope, index) for index in (0, 1)] == [b"s-one=v.example@x", b"s-x=y@x"]
    envelope.flags = 0
    assert verp.sender_of(envelope, 0) == b"s@x"
