"""The highest counts of clients with limits, logged every anvil_status_update_time (anvil(8))."""

import re
from pathlib import Path

from tests.kit.smtpd import Smtpd

COUNTED = """smtpd_client_event_limit_exceptions =
smtpd_client_message_rate_limit = 100
anvil_status_update_time = 1s
"""
E, M = b"EHLO a.example\r\n", b"MAIL FROM:<a@b.example>\r\n"


def test_the_highest_counts(tmp_path: Path) -> None:
    with Smtpd(tmp_path, COUNTED) as server:
        with server.client() as first:
            first.reply()
            server.talk(E, M, b"RSET\r\n", M)
        lines = [line for line in server.lines("max connection count") if line.startswith("statistics")]
    when = r" for \(smtp:127\.0\.0\.1\) at \w{3} [ \d]\d \d\d:\d\d:\d\d"
    assert len(lines) == 3
    for line, kind in zip(lines, ("connection rate 2/60s", "message rate 2/60s", "connection count 2"), strict=True):
        assert re.fullmatch("statistics: max " + kind + when, line), line


def test_who_is_not_counted_is_not_told_of(tmp_path: Path) -> None:
    with Smtpd(tmp_path, COUNTED.replace("exceptions =", "exceptions = 127.0.0.0/8")) as server:
        server.talk(E, M)
        server.lines()
        assert not server.server.peaks.highest
