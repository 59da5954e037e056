"""The whole way: SMTP and sendmail in, queue, SMTP out, log lines; start, reload, stop; dying processes."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from tests.kit.relay import BIN, Relay

ID = r"[0-9A-F]{6,}"


def run(scenario):
    asyncio.run(asyncio.wait_for(scenario, 110))


def alive(pid):
    """Whether a process runs; a zombie that init has not collected yet does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_mail_in_by_smtp_and_sendmail_mail_out_and_the_log():
    async def scenario():
        async with Relay() as relay:
            queue_id = (await relay.send(b"a@example.com", b"b@example.org", b"c@example.net",
                                         body=b"Subject: one\r\n\r\n..dot\r\nend")).decode()
            done = await relay.command("sendmail", "-i", "-t", "-f", "me@example.com", "-F", "Me",
                                       data=b"To: d@example.org\nBcc: e@example.org\nSubject: two\n\n.\nlast", check=True)
            assert done.stderr == b""
            await relay.until(lambda: sum(len(r) for _, r, _ in relay.received) == 4, "four recipients")
            await relay.until(lambda: len(relay.logged(r"qmgr\[\d+\]: \w+: removed")) == 2, "removed")
            by_subject = {re.search(rb"Subject: (\w+)", c)[1]: (s, sorted(r), c) for s, r, c in relay.received}
            sender, recipients, content = by_subject[b"one"]
            assert (sender, recipients) == (b"a@example.com", [b"b@example.org", b"c@example.net"])
            assert content.endswith(b"\r\n\r\n.dot\r\nend\r\n")
            assert re.match(rb"Received: from client\.example\.com \(localhost \[127\.0\.0\.1\]\)\r\n\tby relay\.example\.com "
                            rb"\(Postfix\) with ESMTP id " + queue_id.encode() + rb";\r\n\t", content)
            sender, recipients, content = by_subject[b"two"]
            assert (sender, recipients) == (b"me@example.com", [b"d@example.org", b"e@example.org"])
            assert b"Bcc" not in content and content.endswith(b"\r\n\r\n.\r\nlast\r\n")
            assert b"\r\nFrom: Me <me@example.com>\r\n" in content
            log_lines(relay, queue_id)
            await orderly_stop(relay)

    run(scenario())


def log_lines(relay, queue_id):
    """The lines of one message, exactly as Postfix has them."""
    head = r"^[A-Z][a-z]{2} [ 123]\d \d\d:\d\d:\d\d relay postfix/"
    for pattern in (
            rf"{head}smtpd\[\d+\]: {queue_id}: client=localhost\[127\.0\.0\.1\]$",
            rf"{head}cleanup\[\d+\]: {queue_id}: message-id=<\d{{14}}\.{queue_id}@relay\.example\.com>$",
            rf"{head}qmgr\[\d+\]: {queue_id}: from=<a@example\.com>, size=\d+, nrcpt=2 \(queue active\)$",
            rf"{head}smtp\[\d+\]: {queue_id}: to=<b@example\.org>, relay=127\.0\.0\.1\[127\.0\.0\.1\]:{relay.sink_port}, "
            r"delay=[\d.]+, delays=[\d.]+/[\d.]+/[\d.]+/[\d.]+, dsn=2\.0\.0, status=sent \(250 2\.0\.0 Ok: received as \d\)$",
            rf"{head}qmgr\[\d+\]: {queue_id}: removed$",
            rf"{head}pickup\[\d+\]: {ID}: uid={os.geteuid()} from=<me@example\.com>$",
            rf"{head}master\[\d+\]: daemon started -- version 3\.\d+\.\d+, configuration {relay.etc}$",
            rf"{head}smtpd\[\d+\]: disconnect from localhost\[127\.0\.0\.1\] ehlo=1 mail=1 rcpt=2 data=1 quit=1 commands=6$"):
        assert len(relay.logged(pattern)) == 1, (pattern, relay.lines())
    assert not relay.logged(r"warning|panic|fatal|error:")


async def orderly_stop(relay):
    """postfix stop ends everything, and leaves nothing in the way."""
    master, processes = relay.master, relay.processes()
    assert (await relay.command("postfix", "status")).returncode == 0
    start = time.monotonic()
    await relay.command("postfix", "stop", check=True)
    assert time.monotonic() - start < 10
    await relay.until(lambda: not any(map(alive, (master, *processes))), "the end of all")
    for command, text in (("status", "not running"), ("stop", "not running"), ("reload", "not running")):
        assert (await relay.command("postfix", command)).returncode == 1
        assert relay.logged(f"postfix-script.*{text}")


def test_mail_submitted_while_the_relay_is_down_is_delivered_later():
    async def scenario():
        relay = Relay()
        async with relay:
            await relay.command("postfix", "stop", check=True)
            await relay.command("sendmail", "-f", "me@example.com", "you@example.org", data=b"Subject: late\n\nx\n", check=True)
            assert len(list((relay.base / "spool/maildrop").iterdir())) == 1
            await relay.command("postfix", "start", check=True)
            await relay.until(lambda: relay.received, "the message")
            await relay.until(lambda: not list((relay.base / "spool/maildrop").iterdir()), "an empty maildrop")
            assert b"Subject: late" in relay.received[0][2]

    run(scenario())


def test_a_process_that_dies_is_back_within_two_seconds_and_no_mail_is_lost():
    async def scenario():
        async with Relay() as relay:
            for program in ("smtpd", "qmgr", "smtp", "pickup"):
                before = relay.processes()
                victims = relay.kill(program)
                start = time.monotonic()
                await relay.until(lambda: len([p for p in relay.processes() if p not in before]) == len(victims), program)
                assert time.monotonic() - start < 2
                await relay.send()
            for pid in victims:
                assert relay.logged(rf"master\[\d+\]: warning: process \S+/pickup pid {pid} killed by signal 9$")
            await relay.until(lambda: len(relay.received) >= 4, "all messages")

    run(scenario())


def test_reload_keeps_sessions_and_a_bad_configuration_changes_nothing():
    async def scenario():
        async with Relay() as relay:
            reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
            await reader.readline()
            before = relay.processes()
            (relay.etc / "main.cf").open("a").write("smtpd_banner = new words\n")
            await relay.command("postfix", "reload", check=True)
            await relay.until(lambda: relay.logged(r"master\[\d+\]: reload -- version "), "the reload")

            async def banner():
                return (await relay.smtp())[0] == b"220 new words"
            await relay.until(banner, "the new banner")
            writer.write(b"NOOP\r\n")
            assert (await reader.readline()).startswith(b"250 ")
            assert relay.processes() == before
            with (relay.etc / "master.cf").open("a") as file:
                file.write("smtp inet n - n - x smtpd\n")
            done = await relay.command("postfix", "reload")
            lines = len((relay.etc / "master.cf").read_text().splitlines())
            assert done.returncode == 1 and f"master.cf, line {lines}: ".encode() in done.stderr
            os.kill(relay.master, signal.SIGHUP)
            await relay.until(lambda: relay.logged(rf"error: reload: .*master\.cf, line {lines}: .*keeps running"), "the refusal")
            await relay.send()
            writer.write(b"NOOP\r\n")
            assert (await reader.readline()).startswith(b"250 ")
            await relay.until(lambda: relay.received, "the message")

    run(scenario())


def test_all_leave_when_master_is_killed_and_the_next_start_works():
    async def scenario():
        async with Relay() as relay:
            processes = relay.processes()
            os.kill(relay.master, signal.SIGKILL)
            await relay.command("postfix", "start", check=True)
            await relay.until(lambda: not any(map(alive, processes)), "the end of the orphans")
            await relay.until(relay.greets, "a greeting")
            await relay.send()
            await relay.until(lambda: relay.received, "the message")
            assert (await relay.command("postfix", "start")).returncode == 1
            assert relay.logged("fatal: the Postfix mail system is already running")

    run(scenario())


def test_a_transport_is_started_when_it_is_needed():
    async def scenario():
        async with Relay("relay_domains = example.net\n") as relay:
            before = relay.processes()
            await relay.send(b"a@example.com", b"b@example.net")
            await relay.until(lambda: relay.received, "the message")
            assert len(relay.processes()) > len(before)

    run(scenario())


def test_log_rotation():
    async def scenario():
        async with Relay() as relay:
            await relay.send()
            await relay.until(lambda: relay.logged("removed"), "removed")
            relay.log.rename(relay.base / "old.log")
            await relay.until(relay.log.exists, "a new log")
            queue_id = (await relay.send()).decode()
            await relay.until(lambda: relay.logged(f"{queue_id}: removed"), "the new lines")
            assert queue_id not in (relay.base / "old.log").read_text()
            await relay.command("postfix", "logrotate", check=True)
            assert [path for path in relay.base.iterdir() if path.name.endswith(".gz")]

    run(scenario())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: without it all processes are the caller's")
def test_only_master_and_the_zygote_are_root():
    async def scenario():
        async with Relay() as relay:
            uid, gid = relay.owner()
            assert len(relay.processes()) >= 4
            for pid, program in relay.processes().items():
                status = dict(line.split(":\t", 1) for line in open(f"/proc/{pid}/status").read().splitlines() if ":\t" in line)
                assert set(map(int, status["Uid"].split())) == {uid}, program
                assert set(map(int, status["Gid"].split())) == {gid}, program
                assert status["Groups"].split() == [], program
                for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                    assert int(status[kind], 16) == 0, (program, kind)
                assert status["NoNewPrivs"] == "1", program
                assert os.stat(f"/proc/{pid}/mem").st_uid == 0, "who runs as mail_owner too can't trace it"
            assert os.stat(f"/proc/{relay.master}").st_uid == 0

    run(scenario())


@pytest.mark.interop
@pytest.mark.skipif(not shutil.which("pflogsumm"), reason="pflogsumm is not installed")
def test_pflogsumm_counts_right():
    async def scenario():
        async with Relay() as relay:
            for _ in range(7):
                await relay.send(b"a@example.com", b"b@example.org", b"c@example.net")
            await relay.smtp(b"EHLO x", b"MAIL FROM:<a@example.com>", b"RCPT TO:<>", b"QUIT")
            await relay.until(lambda: len(relay.logged("removed")) == 7, "all gone")
            report = subprocess.run(["pflogsumm", "--problems_first", relay.log], capture_output=True, text=True).stdout
            counts = {line.split(None, 1)[1].strip(): line.split()[0] for line in report.splitlines()
                      if re.match(r"\s+\d+\S*\s+\S", line)}
            assert counts["received"] == "7" and counts["delivered"] == "14", report
            assert counts["deferred"] == "0" and counts["bounced"] == "0", report
            assert counts["senders"] == "1" and counts["recipients"] == "2", report
            assert "14   example.org" not in report and re.search(r"^\s+7\s.*example\.org$", report, re.M), report

    run(scenario())


def test_commands_are_there():
    for name in ("pyfix postfix postconf postmap postalias postqueue postsuper postcat postdrop postlog sendmail mailq "
                 "newaliases").split():
        assert os.access(BIN / name, os.X_OK), name
