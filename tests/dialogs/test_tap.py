"""smtpd_command_filter and reject footers over a socket: what interop can't compare (tests/interop/test_smtpd_tap.py)."""

from tests.kit.smtpd import Smtpd

E, M, R = b"EHLO client.example\r\n", b"MAIL FROM:<joe@a.example>\r\n", b"RCPT TO:<ann@b.example>\r\n"
ERROR = b"421 4.3.0 mx.example.org Server local data error\r\n"


def test_off_it_costs_nothing(tmp_path):
    with Smtpd(tmp_path) as server:
        server.talk(E)
        assert server.server.session_class is None and not server.server.settings.taps.wanted


def test_a_filter_that_fails_ends_the_session(tmp_path):
    with Smtpd(tmp_path, "smtpd_command_filter = texthash:/nonexistent/table") as server:
        assert server.talk(E, M)[1:] == [ERROR, b""]
        assert 'warning: texthash:/nonexistent/table lookup error for "EHLO client.example"' in server.lines()
        assert "NOQUEUE: reject: CONNECT from unknown[127.0.0.1]: 421 4.3.0 mx.example.org Server local data error" in server.log.lines


def test_a_filter_that_would_block_is_never_asked(tmp_path):
    with Smtpd(tmp_path, "smtpd_command_filter = tcp:127.0.0.1:1") as server:
        assert server.talk(E)[1] == ERROR


def test_a_filter_can_not_smuggle_a_second_command(tmp_path):
    (tmp_path / "filter").write_text(r"/^NOOP (.*)/ NOOP $1" + "\n")
    with Smtpd(tmp_path, f"smtpd_command_filter = regexp:{tmp_path}/filter") as server:
        assert server.talk(E, b"NOOP a\rQUIT\r\n", b"NOOP\r\n")[2:] == [b"250 2.0.0 Ok\r\n"] * 2
        assert [x for x in server.log.lines if "replacing" in x] == [
            'unknown[127.0.0.1]: replacing command "NOOP a?QUIT" with "NOOP a?QUIT"']


def test_footers_on_all_refusals_and_nothing_else(tmp_path):
    (tmp_path / "footers").write_text(r"/Relay access/ \c; ask $$server_name" + "\n/^421/ bye\n")
    extra = (f"smtpd_reject_footer = help\nsmtpd_reject_footer_maps = regexp:{tmp_path}/footers\nsmtpd_timeout = 1\n"
             "mynetworks = 192.0.2.1\nsmtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n")
    with Smtpd(tmp_path, extra) as server, server.client() as wire:
        assert wire.reply() == b"220 mx.example.org ESMTP Postfix\r\n" and wire.ask(E).endswith(b"250 CHUNKING\r\n")
        wire.socket.sendall(b"FOO\r\n" + M + R)
        assert [wire.reply() for _ in range(3)] == [
            b"500-5.5.2 Error: command not recognized\r\n500 5.5.2 help\r\n", b"250 2.1.0 Ok\r\n",
            b"554 5.7.1 <ann@b.example>: Relay access denied; ask mx.example.org\r\n"]
        assert wire.rest() == b"421-4.4.2 mx.example.org Error: timeout exceeded\r\n421 4.4.2 bye\r\n"
        assert "help" not in "".join(server.lines())
