"""Never an open relay: every way to write a remote address, from a stranger, with every kind of sender (10 x 44 dialogues)."""

import pytest

from tests.kit.smtpd import Smtpd, Wire

CONFIG = """
mynetworks = 192.0.2.0/24
relay_domains = relayed.example.net
local_recipient_maps = inline:{{me = x}, {postmaster = x}}
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_hard_error_limit = 1000
smtpd_soft_error_limit = 1000
smtpd_junk_command_limit = 1000
"""
SENDERS = [b"<>", b"<a@remote.example.com>", b"<a@example.org>", b"<a@mx.example.org>", b"<a@localhost>", b"<a>",
           b"<a@[127.0.0.1]>", b"<r@remote.example.com>", b"<postmaster>", b"<a@[IPv6:::1]>"]
# R a remote domain, R2 another, L our domain, H our host name, I our address
FORMS = [b"<r@R>", b"r@R", b"<r@R.>", b"<r%R@L>", b"<r%R@H>", b"<r%R@[I]>", b"<r%R>", b"<r%R@>", b"<r%R%R2@L>", b'<"r@R">',
         b'<"r%R">', b'<"r@R"@L>', b'<"r@R"@[I]>', b'<"r%R"@L>', b"<r@R@L>", b"<r@R@[I]>", b"<r@R@H>", b"<@L:r@R>",
         b"<@[I]:r@R>", b"<@H:r@R>", b"<@L,@H:r@R>", b"<@R2:r@L>", b"<R!r>", b"<R!r@L>", b"<R!r@[I]>", b"<R!r@H>",
         b"<L!R!r>", b"<R!r%L>", b"<r@[198.51.100.7]>", b"<r@[IPv6:2001:db8::7]>", b"<r@R(comment)>", b"<r (L)@R>",
         b'<"r"@R>', b"<r+x@R>", b"<r@R\0@L>", b"<r@R\r>", b"<r@R >", b"< r@R>", b"<r@L@R>",
         "<r@R\u3002L>".encode(), b"<r@xn--mnchen-3ya.example>", b"<r@R%00.L>", b"<R:r@L>", b"<r@sub.L.R>"]
TRICKS = [b"<r@notexample.org>", b"<r@example.org.R>", b"<r@notrelayed.example.net>", b"<r@relayed.example.net.R>",
          b"<r%R@relayed.example.net>", b"<R!r@relayed.example.net>", b'<"r@R"@relayed.example.net>', b"<r@RELAYED.EXAMPLE.NET@R>",
          b"<r@[::ffff:127.0.0.1]@R>", b"<r@127.0.0.1@R>", b"<MAILER-DAEMON@R>", b"<postmaster@R>", b"<r@.L@R>", b"<r@L..R>",
          b"<r@R@>", b"<|/bin/sh@R>", b"<-r@R>", b"<;sleep 66;@R>", b"<r@R\t@L>", b"<\"r\"@R@L>", b"<r@R,me@L>"]


def filled(form):
    for mark, value in ((b"R2", b"other.example.com"), (b"RELAYED", b"\1"), (b"R", b"remote.example.com"), (b"\1", b"RELAYED"),
                        (b"[I]", b"[127.0.0.1]"), (b"L", b"example.org") if b"RELAYED" not in form else (b"\2", b""),
                        (b"H", b"mx.example.org")):
        form = form.replace(mark, value)
    return form


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Smtpd(tmp_path_factory.mktemp("relay"), CONFIG) as server:
        yield server


def test_there_are_440_dialogues():
    assert len(SENDERS) * len(FORMS) == 440


@pytest.mark.parametrize("sender", SENDERS)
def test_nothing_is_relayed_for_strangers(server, sender):
    with Wire(server.port) as wire:
        wire.reply()
        wire.ask(b"EHLO stranger.example.com\r\n")
        assert wire.ask(b"MAIL FROM:" + sender + b"\r\n") == b"250 2.1.0 Ok\r\n"
        for form in [*FORMS, *TRICKS]:
            reply = wire.ask(b"RCPT TO:" + filled(form) + b"\r\n")
            assert reply[:3] in (b"554", b"550", b"501", b"500", b"555"), (form, reply)
        assert wire.ask(b"DATA\r\n") == b"554 5.5.1 Error: no valid recipients\r\n"
        assert wire.ask(b"VRFY <r@remote.example.com>\r\n").startswith(b"554 5.7.1")
    assert not server.messages


@pytest.mark.parametrize("address", [b"<postmaster>", b"<POSTMASTER>", b"<postmaster@[127.0.0.1]>", b"<me@example.org>",
                                     b"<me@EXAMPLE.ORG>", b"<me@example.org.>", b"<me@mx.example.org>", b"<@x.example:me@example.org>",
                                     b"<anyone@relayed.example.net>", b"<anyone@sub.relayed.example.net>", b'<"me"@example.org>',
                                     b"me@example.org", b"<me>"])
def test_our_own_mail_comes_in(server, address):
    with Wire(server.port) as wire:
        wire.reply()
        wire.ask(b"EHLO stranger.example.com\r\n")
        wire.ask(b"MAIL FROM:<a@remote.example.com>\r\n")
        assert wire.ask(b"RCPT TO:" + address + b"\r\n") == b"250 2.1.5 Ok\r\n"


def test_a_configuration_that_guards_nothing_is_refused(tmp_path):
    from pyfix.access.policy import Policy
    from pyfix.config import Config
    from pyfix.errors import ConfigError
    from pyfix.resolve import Resolver
    from tests.kit.smtpd import MAIN_CF

    (tmp_path / "main.cf").write_text(MAIN_CF + "smtpd_relay_restrictions =\nsmtpd_recipient_restrictions = permit_mynetworks\n")
    config = Config.load(str(tmp_path))
    with pytest.raises(ConfigError, match="specify at least one working instance of"):
        Policy(config, Resolver(config), print)
