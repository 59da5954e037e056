"""Services with y in the chroot column: where their root is, what works from there, tables that change, reloads.

Law: master(5), chroot; pyfix/jail.py, pyfix/master/heirs.py. Root only: nobody else can make a jail.
"""

import asyncio
import os
from pathlib import Path

import pytest

from tests.kit.dns_server import DnsServer
from tests.kit.relay import Relay

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: nobody else can make a jail")
JAILED = ("smtpd", "smtp")


class JailedRelay(Relay):
    """All lines of master.cf have y in the chroot column."""

    def configure(self) -> None:
        super().configure()
        path = self.etc / "master.cf"
        rows = [line.split(None, 7) for line in path.read_text().splitlines() if not line.startswith("#")]
        path.write_text("".join(" ".join([*row[:4], "y", *row[5:]]) + "\n" for row in rows))

    def roots(self) -> set[tuple[str, str]]:
        """(program, its root directory) of all services."""
        return {(program, os.readlink(f"/proc/{pid}/root")) for pid, program in self.processes().items()}

    def pids(self, program: str) -> set[int]:
        return {pid for pid, name in self.processes().items() if name == program}


class Client:
    """An SMTP session that stays open."""

    @classmethod
    async def of(cls, relay: Relay) -> "Client":
        self = cls()
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", relay.port)
        assert (await self.reader.readline()).startswith(b"220")
        return self

    async def ask(self, command: bytes) -> bytes:
        self.writer.write(command + b"\r\n")
        line = await asyncio.wait_for(self.reader.readline(), 10)
        while line[3:4] == b"-":
            line = await asyncio.wait_for(self.reader.readline(), 10)
        return line.rstrip()


def run(scenario):
    asyncio.run(asyncio.wait_for(scenario, 110))


def test_mail_flows_through_jails_without_privileges_or_ways_out():
    async def scenario():
        dns = await DnsServer({"example.org MX": ["10 mx.example.org."], "mx.example.org A": ["127.0.0.1"], "bad.example MX": ["0 ."]}).start()
        try:
            os.environ["PYFIX_DNS"] = "%s:%d" % dns.config.servers[0]
            relay = JailedRelay("relayhost =\nimport_environment = PYFIX_DNS\nsmtpd_client_event_limit_exceptions =\n")
            relay.extra += f"smtp_tcp_port = {relay.sink_port}\n"
            async with relay:
                await relay.send()
                done = await relay.command("sendmail", "-f", "a@example.com", "b@example.org", data=b"Subject: local\n\nx\n")
                assert done.returncode == 0
                await relay.until(lambda: len(relay.received) == 2, "both messages")
                assert {root for name, root in relay.roots() if name in JAILED} == {str(relay.base / "spool")}
                for pid, program in relay.processes().items():
                    status = Path(f"/proc/{pid}/status").read_text()
                    assert f"Uid:\t{relay.owner()[0]}\t{relay.owner()[0]}" in status and "CapPrm:\t0000000000000000" in status
                    assert "NoNewPrivs:\t1" in status
                    for task in Path(f"/proc/{pid}/task").iterdir():
                        assert os.readlink(task / "root") == os.readlink(f"/proc/{pid}/root")
                        assert "CapPrm:\t0000000000000000" in (task / "status").read_text()
                    if program in JAILED:
                        assert os.readlink(f"/proc/{pid}/cwd") == str(relay.base / "spool")
                        assert not [fd for fd in Path(f"/proc/{pid}/fd").iterdir() if os.path.isdir(fd)
                                    and not os.readlink(fd).startswith(str(relay.base / "spool"))]
                await relay.send(b"c@example.org", b"x@bad.example")
                await relay.until(lambda: len(relay.received) == 3, "the bounce")
                assert b"bad.example" in relay.received[2][2] and relay.received[2][0] == b""
                assert list((relay.base / "spool/private").glob("anvil.*")), "clients are counted in the jail"
                assert not relay.logged("panic|fatal|error:")
        finally:
            os.environ.pop("PYFIX_DNS", None)
            dns.stop()
    run(scenario())


def test_a_table_changes_and_a_reload_comes_while_a_session_is_open():
    async def scenario():
        async with JailedRelay() as relay:
            access, transport = relay.etc / "access", relay.etc / "transport"
            access.write_text("x@example.com REJECT old\n")
            transport.write_text("example.net error:old way\n")
            with (relay.etc / "main.cf").open("a") as file:
                file.write(f"smtpd_sender_restrictions = check_sender_access hash:{access}\ntransport_maps = hash:{transport}\n")
            for path in (access, transport):
                await relay.command("postmap", f"hash:{path}", check=True)
            await relay.command("postfix", "reload", check=True)

            async def answers(text: bytes) -> bool:
                replies = await relay.smtp(b"HELO c.example.com", b"MAIL FROM:<x@example.com>", b"RCPT TO:<b@example.org>", b"QUIT")
                return text in replies[3]
            await relay.until(lambda: answers(b"old"), "the first table")
            kept = await Client.of(relay)
            assert (await kept.ask(b"EHLO c.example.com")).startswith(b"250")
            assert (await kept.ask(b"MAIL FROM:<a@example.com>")).startswith(b"250")
            elders = relay.pids("smtpd")

            access.write_text("x@example.com REJECT new\n")
            await relay.command("postmap", f"hash:{access}", check=True)
            await relay.until(lambda: answers(b"new"), "the new table")
            assert elders < relay.pids("smtpd"), "who has a session goes on"

            heirs = relay.pids("smtpd") - elders
            await relay.command("postfix", "reload", check=True)
            await relay.until(lambda: relay.pids("smtpd") - elders - heirs and not heirs & relay.pids("smtpd"), "the reload's process")
            assert (await kept.ask(b"RCPT TO:<b@example.org>")).startswith(b"250")
            assert (await kept.ask(b"DATA")).startswith(b"354")
            assert (await kept.ask(b"Subject: kept\r\n\r\nx\r\n.")).startswith(b"250")
            assert (await kept.ask(b"MAIL FROM:<x@example.com>")).startswith(b"250")
            assert b"old" in await kept.ask(b"RCPT TO:<b@example.org>")
            assert (await kept.ask(b"QUIT")).startswith(b"221")
            await relay.until(lambda: not elders & relay.pids("smtpd"), "the end of the elder")
            await relay.until(lambda: relay.received, "the message")
            assert not relay.logged("panic|fatal|throttl|killed")
    run(scenario())


def test_no_mail_is_lost_or_doubled_by_replacements():
    async def scenario():
        async with JailedRelay() as relay:
            await relay.send()
            for at in range(6):
                await asyncio.gather(relay.command("postfix", "reload", check=True), *(relay.send(body=b"Subject: %d-%d\r\n\r\nx" % (at, i)) for i in range(10)))
            await relay.until(lambda: len(relay.received) >= 61, "all messages")
            await relay.until(lambda: len(relay.pids("smtpd")) == len(relay.pids("smtp")) == max(len(os.sched_getaffinity(0)) // 2, 1), "one generation")
            subjects = [body.partition(b"Subject: ")[2].partition(b"\r\n")[0] for _, _, body in relay.received]
            assert len(subjects) == len(set(subjects)) == 61
            assert not relay.logged("panic|fatal|throttl|killed|status=deferred")
    run(scenario())
