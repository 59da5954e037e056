"""The mail log's lines: shape, masking, bounds, both receivers."""

import asyncio
import os
import re
import socket
import stat
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfix.config import Config
from pyfix.errors import ConfigError
from pyfix.master.logfile import LogFile
from pyfix.telemetry import maillog
from pyfix.telemetry.lines import TEXT_LIMIT, Lines, masked
from pyfix.telemetry.maillog import CommandLog, Maillog, open_log_file
from tests.oracle import lines as oracle


def settings(path="", name="postfix", facility="mail", host="mx.example.com"):
    return SimpleNamespace(maillog_file=str(path), syslog_name=name, syslog_facility=facility, myhostname=host)


def test_file_line_has_postfix_shape(tmp_path):
    path = tmp_path / "mail.log"
    log = Maillog(settings(path), "smtpd")
    log.info("connect from localhost[127.0.0.1]")
    log.warning(b"something")
    log.error("e")
    log.fatal("f")
    log.panic("p")
    lines = path.read_bytes().decode().splitlines()
    head = rf"^[A-Z][a-z]{{2}} [ 123]\d \d\d:\d\d:\d\d mx postfix/smtpd\[{os.getpid()}\]: "
    assert all(re.match(head, line) for line in lines)
    assert [line.split("]: ", 1)[1] for line in lines] == [
        "connect from localhost[127.0.0.1]", "warning: something", "error: e", "fatal: f", "panic: p"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_lines_of_one_turn_leave_in_one_write(tmp_path, monkeypatch):
    path = tmp_path / "mail.log"
    writes = []

    class Counting(Maillog):
        def _flush_file(self):
            writes.append(len(self.pending()))
            super()._flush_file()

    async def main():
        log = Counting(settings(path), "smtpd", asyncio.get_running_loop())
        for number in range(100):
            log.info(f"line {number}")
        assert not path.exists()
        await asyncio.sleep(0.01)
        log.info("later")
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert writes == [100, 1]
    assert len(path.read_text().splitlines()) == 101


def test_syslog_gets_one_datagram_a_line_and_waits_for_room(tmp_path, monkeypatch):
    monkeypatch.setattr(maillog, "DEV_LOG", str(tmp_path / "log"))
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(str(tmp_path / "log"))
    receiver.setblocking(False)
    got = []

    def drain():
        while True:
            try:
                got.append(receiver.recv(4096))
            except BlockingIOError:
                return

    async def main():
        log = Maillog(settings(facility="local3"), "qmgr", asyncio.get_running_loop())
        for number in range(1000):
            log.warning(f"n {number}")
        for _ in range(1000):
            await asyncio.sleep(0.001)
            drain()
            if len(got) == 1000:
                break
        assert log.dropped == 0 and len(log) == 0

    asyncio.run(main())
    assert [line.split(b"]: ")[1] for line in got] == [b"warning: n %d" % n for n in range(1000)]
    assert re.match(rb"<156>[A-Z][a-z]{2} [ 123]\d \d\d:\d\d:\d\d postfix/qmgr\[\d+\]: ", got[0])


def test_no_syslog_loses_lines_quietly(tmp_path, monkeypatch):
    monkeypatch.setattr(maillog, "DEV_LOG", str(tmp_path / "absent"))
    log = Maillog(settings(), "qmgr")
    log.info("x")
    assert len(log) == 0


def test_rotation_goes_on_in_the_new_file(tmp_path):
    path = tmp_path / "mail.log"
    log = Maillog(settings(path), "smtpd")
    log.info("one")
    path.rename(tmp_path / "mail.log.1")
    number = log.fd
    log.reopened(maillog.open_log_file(str(path)))
    assert log.fd == number
    log.info("two")
    assert "one" in (tmp_path / "mail.log.1").read_text()
    assert "two" in path.read_text() and "one" not in path.read_text()


def test_siblings_share_one_order_and_one_write(tmp_path):
    path = tmp_path / "mail.log"
    log = Maillog(settings(path), "smtpd")
    other = log.sibling(settings(path), "cleanup")
    log.info("1")
    other.info("2")
    log.info("3")
    lines = path.read_text().splitlines()
    assert [line.split("]: ")[1] for line in lines] == ["1", "2", "3"]
    assert "postfix/cleanup[" in lines[1] and "postfix/smtpd[" in lines[2]
    assert len(other) == 0


def test_full_disk_counts_lost_lines():
    log = Maillog(settings("/dev/full"), "smtpd")
    log.info("x")
    assert log.dropped == 1 and len(log) == 0


def test_unknown_facility_is_the_administrators_mistake():
    with pytest.raises(ConfigError, match="unknown syslog_facility: mial"):
        Maillog(settings(facility="mial"), "x")


def test_command_log_tells_the_user_too(tmp_path, capfd):
    CommandLog(settings(tmp_path / "log"), "sendmail").fatal("No recipients\x1b")
    assert capfd.readouterr().err == "sendmail: fatal: No recipients?\n"


@pytest.mark.parametrize(("text", "line"), [
    (b"\x1b[2J", b"?[2J"), (b"a\r\nb", b"a??b"), (b"\0\x7f", b"??"), ("ü€𝄞".encode(), "ü€𝄞".encode()),
    ("a\u202eb".encode(), b"a???b"), ("\u2028".encode(), b"???"), (b"\xc2\x85", b"??"), (b"\xc0\xaf\xed\xa0\x80", b"?????"),
    (b"\xe2\x82", b"??"), (b"\xf5\x80\x80\x80", b"????"), (b"\t", b"?"),
])
def test_control_characters_are_masked(text, line):
    assert masked(text) == line == oracle.masked(text)


@given(st.binary(max_size=60) | st.text(max_size=40).map(lambda s: s.encode("utf-8", "surrogatepass")))
def test_masking_agrees_with_the_oracle(text):
    assert masked(text) == oracle.masked(text)


@given(st.integers(TEXT_LIMIT - 8, TEXT_LIMIT + 2), st.text(alphabet="a€𝄞", max_size=8).map(str.encode), st.booleans())
def test_length_is_bounded_at_a_character(before, tail, long):
    text = b"a" * before + tail * (100 if long else 1)
    result = masked(text)
    assert len(result) <= TEXT_LIMIT and result == oracle.masked(text)
    assert text.startswith(result)


def test_str_with_surrogates_and_no_text_object_types():
    lines = Lines(b"h", b"t")
    lines.info("a\udcff")
    lines.info(bytearray(b"x"))
    assert [line.split(b"t: ")[1] for line in lines.pending()] == [b"a?\n", b"x\n"]


def test_backlog_is_bounded():
    lines = Lines(b"h", b"t")
    for _ in range(6000):
        lines.info(b"x" * 2000)
    assert lines.dropped > 0 and len(lines) < 9 << 20


@pytest.mark.parametrize("value, mode", [("0600", 0o600), ("0640", 0o640), ("644", 0o644)])
def test_a_new_log_file_has_the_permissions_that_are_asked_for(tmp_path, value, mode):
    for name in ("log", "log"):                 # the second time it is there already, and stays as it is
        os.close(open_log_file(str(tmp_path / name), value))
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == mode
        value = "0600"


def test_other_permissions_are_refused(tmp_path):
    (tmp_path / "main.cf").write_text(f"maillog_file = {tmp_path}/log\nmaillog_file_prefixes = /\nmaillog_file_permissions = 0666\n")
    with pytest.raises(ConfigError, match="0666"):
        LogFile(Config.load(str(tmp_path)))
