"""A session's transcript goes to the postmaster like any mail (notify_classes), past header checks that refuse everything."""

import asyncio

from tests.kit.relay import Relay

MAIN_CF = """
notify_classes = protocol
error_notice_recipient = ops@example.org
header_checks = static:REJECT
smtpd_client_event_limit_exceptions =
"""


async def told():
    async with Relay(MAIN_CF) as relay:
        await relay.smtp(b"EHLO me", b"FOO", b"QUIT")
        await relay.until(lambda: relay.received, "the notice")
        sender, recipients, content = relay.received[0]
        assert (sender, recipients) == (b"double-bounce@example.com", [b"ops@example.org"])
        head, _, body = content.partition(b"\r\n\r\n")
        assert b"\r\nSubject: Postfix SMTP server: errors from localhost[127.0.0.1]\r\n" in head + b"\r\n"
        assert b"\r\nMessage-Id: <" in head and b"\r\nDate: " in head and head.startswith(b"Received: by relay.example.com (Postfix)\r\n\tid ")
        assert list((relay.base / "data").glob("anvil.*")), "clients with limits are counted"
        assert not relay.logged("not shared")
        assert b" In:  FOO\r\n Out: 500 5.5.2 Error: command not recognized\r\n" in body


def test_a_notice_is_delivered():
    asyncio.run(told())
