"""A whole qmgr on its sockets: a real writer, an agent that the test plays, and the commands."""

import asyncio
import io
import os
import time
from types import SimpleNamespace

import pytest
import uvloop

from pyfix.bounce.submit import notice
from pyfix.commands import postcat, postqueue, postsuper
from pyfix.config import Config
from pyfix.ipc.connection import connect
from pyfix.ipc.messages import COMMITTED, DELIVER, HELLO, OUTCOME, READY
from pyfix.model import Envelope, Recipient
from pyfix.qmgr import stage
from pyfix.queue.envelope import pack
from pyfix.queue.layout import log_directory
from pyfix.queue.writer import Writer
from pyfix.telemetry.maillog import Maillog

BODY = b"From: s@example.org\r\nSubject: hello\r\nMessage-Id: <one@example.org>\r\n\r\nbody\r\n"


class Site:
    """A spool with a qmgr in this process."""

    def __init__(self, path, main_cf=""):
        self.path, self.got, self.conf = str(path / "q"), asyncio.Queue(), str(path / "etc")
        for name in ("q", "q/log", "q/private", "q/public", "etc"):
            os.makedirs(path / name)
        (path / "etc" / "main.cf").write_text(
            f"queue_directory = {self.path}\nmyhostname = mail.example.com\nmaillog_file = {path}/mail.log\n"
            f"maillog_file_prefixes = /\nrelayhost = [relay.example.com]\nminimal_backoff_time = 1s\nqueue_run_delay = 1s\n{main_cf}")
        (path / "etc" / "master.cf").write_text("")
        self.log_path, self.config = path / "mail.log", Config.load(self.conf)
        self.loop = asyncio.get_running_loop()
        log = Maillog(self.config, "qmgr", self.loop)
        self.service = SimpleNamespace(config=self.config, queue_directory=self.path, loop=self.loop, key="qmgr-0",
                                       log=log, arguments=SimpleNamespace(log=None), listener=lambda name: None, die=print)

    async def start(self):
        await stage.start(self.service)
        self.committed = asyncio.Queue()
        self.writer = Writer(log_directory(self.path), "test.0", self.loop, self.committed.put_nowait)
        self.to_qmgr = await connect(self.path + "/private/qmgr", lambda c, m: None)
        self.to_qmgr.send([HELLO, "writer", "test.0", os.getpid(), 1])

    async def agent(self, transport="smtp", capacity=100):
        link = await connect(self.path + "/private/qmgr", lambda c, m: self.got.put_nowait(m))
        link.send([HELLO, "agent", transport, os.getpid(), 1])
        link.send([READY, transport, capacity])
        return link

    async def message(self, *addresses, sender=b"s@example.org", body=BODY, **more):
        queue_id = self.writer.new_id()
        people = [Recipient(a, transport="smtp", nexthop=a.rpartition(b"@")[2].decode()) for a in addresses]
        envelope = Envelope(queue_id, time.time_ns() // 1000, sender, 0, len(body), recipients=people, **more)
        self.writer.commit(pack(envelope), body, envelope)
        for token, place, error in await self.committed.get():
            assert error is None
            self.to_qmgr.send([COMMITTED, [notice(token, place)]])
        return queue_id

    async def jobs(self):
        kind, jobs = await asyncio.wait_for(self.got.get(), 5)
        assert kind == DELIVER
        return jobs

    def log(self):
        self.service.log.flush()
        return [line.split(": ", 1)[-1] for line in self.log_path.read_text().splitlines()] if self.log_path.exists() else []

    async def idle(self, count=0):
        for _ in range(200):
            if len(self.service.stage_state.store) == count:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{len(self.service.stage_state.store)} messages are left: {self.log()}")

    def stop(self):
        self.writer.close()
        self.service.stage_state.stop()


def run(path, test, main_cf=""):
    async def whole():
        site = Site(path, main_cf)
        await site.start()
        try:
            await test(site)
        finally:
            site.stop()
    uvloop.run(whole())


def test_delivered_and_gone(tmp_path):
    async def test(site):
        agent = await site.agent()
        name = await site.message(b"a@example.com", b"b@example.com")
        [[job, queue_id, segment, offset, length, nexthop, recipients, flags, queued]] = await site.jobs()
        assert (queue_id, nexthop, recipients) == (name, "example.com", [0, 1])
        agent.send([OUTCOME, [[job, "", [[0, "sent", "2.0.0", "ok"], [1, "sent", "2.0.0", "ok"]]]]])
        await site.idle()
        assert site.log() == [f"{name.decode()}: from=<s@example.org>, size={len(BODY)}, nrcpt=2 (queue active)",
                              f"{name.decode()}: removed"]
    run(tmp_path, test)


def test_a_failure_is_reported_before_the_message_goes(tmp_path):
    async def test(site):
        agent = await site.agent()
        name = await site.message(b"a@example.com")
        [job, *_] = (await site.jobs())[0]
        agent.send([OUTCOME, [[job, "", [[0, "bounced", "5.1.1", "host mx.example.com[192.0.2.1] said: 550 5.1.1 no "
                                                                  "such user (in reply to RCPT TO command)"]]]]])
        [job, bounce, segment, offset, length, nexthop, recipients, *_] = (await site.jobs())[0]
        assert nexthop == "[relay.example.com]"
        envelope, content = site.service.stage_state.reader.open((segment, offset, length))
        text = bytes(content)
        assert envelope.sender == b"" and envelope.recipients[0].address == b"s@example.org"
        assert b"\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n" in text and text.count(BODY) == 1
        assert b"\r\nRemote-MTA: dns; mx.example.com\r\n" in text
        agent.send([OUTCOME, [[job, "", [[0, "sent", "2.0.0", "ok"]]]]])
        await site.idle()
        log = site.log()
        line = f"{name.decode()}: sender non-delivery notification: {bounce.decode()}"
        assert log.index(line) < log.index(f"{name.decode()}: removed")
    run(tmp_path, test)


def test_commands(tmp_path, capfd):
    async def test(site):
        agent = await site.agent()
        command = lambda run, *arguments: asyncio.to_thread(run, *arguments)  # noqa: E731
        out = io.StringIO()
        assert await command(postqueue.run, ["-c", site.conf, "-p"], out) == 0 and out.getvalue() == "Mail queue is empty\n"
        name = await site.message(b"a@example.com", b"b@example.com")
        [job, *_] = (await site.jobs())[0]
        agent.send([OUTCOME, [[job, "", [[0, "sent", "2.0.0", "ok"], [1, "deferred", "4.2.0", "host said: 450 full"]]]]])
        for _ in range(100):
            out = io.StringIO()
            await command(postqueue.run, ["-c", site.conf, "-j"], out)
            if '"deferred"' in out.getvalue():
                break
        assert '"recipients": [{"address": "b@example.com", "delay_reason": "host said: 450 full"}]' in out.getvalue()
        await command(postsuper.run, ["-c", site.conf, "-h", name.decode()], io.StringIO())
        out = io.StringIO()
        await command(postqueue.run, ["-c", site.conf, "-p"], out)
        lines = out.getvalue().splitlines()
        assert lines[0] == "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------"
        assert lines[1].startswith(name.decode() + "!") and lines[2] == "(host said: 450 full)".rjust(78)
        assert lines[3:] == [" " * 41 + "b@example.com", "", "-- 0 Kbytes in 1 Request."]
        shown = io.BytesIO()
        await command(postcat.run, ["-c", site.conf, "-q", name.decode()], io.BytesIO(), shown)
        assert b"\nsender: s@example.org\n" in shown.getvalue() and b"\nrecipient: b@example.com\n" in shown.getvalue()
        assert b"\nSubject: hello\n" in shown.getvalue() and b"\n\nbody\n" in shown.getvalue()
        await command(postsuper.run, ["-c", site.conf, "-r", name.decode()], io.StringIO())
        [job, again, *_] = (await site.jobs())[0]
        assert again != name
        agent.send([OUTCOME, [[job, "", [[0, "deferred", "4.2.0", "host said: 450 full"]]]]])
        await asyncio.sleep(0.05)
        await command(postqueue.run, ["-c", site.conf, "-i", again.decode()], io.StringIO())
        [job, *_] = (await site.jobs())[0]
        await command(postsuper.run, ["-c", site.conf, "-d", "ALL"], io.StringIO())
        assert len(site.service.stage_state.store) == 0
        agent.send([OUTCOME, [[job, "", [[0, "deferred", "4.2.0", "host said: 450 full"]]]]])
        await site.message(b"c@example.com")
        assert len(await site.jobs()) == 1
        assert capfd.readouterr().err.splitlines() == [
            f"postsuper: {name.decode()}: placed on hold", "postsuper: Placed on hold: 1 message",
            f"postsuper: {name.decode()}: requeued", "postsuper: Requeued: 1 message", "postsuper: Deleted: 1 message"]
    run(tmp_path, test)


@pytest.mark.parametrize("frame", [[99], [OUTCOME, 7], [HELLO, "spy", "x", 1, 1], [OUTCOME, []], [COMMITTED, [[1, 2]]]])
def test_a_mad_process_is_cut_off_and_the_others_are_served(tmp_path, frame):
    async def test(site):
        gone = asyncio.Event()
        link = await connect(site.path + "/private/qmgr", lambda c, m: None, lambda c, e: gone.set())
        link.send(frame)
        await asyncio.wait_for(gone.wait(), 5)
        await site.agent()
        await site.message(b"a@example.com")
        assert len(await site.jobs()) == 1
    run(tmp_path, test)


@pytest.mark.parametrize("broken", [[1, 2], ["x"] * 10, [b"", 0, 1 << 40, -1, 2, 3, 0, b"", 1, []]])
def test_what_stands_behind_a_broken_notice_is_read_from_disk(tmp_path, broken):
    """An exception in the middle of a group drops its rest, and the connection with it: then the writer's segments are read."""
    async def test(site):
        notices = []
        send, site.to_qmgr = site.to_qmgr, SimpleNamespace(send=lambda message: notices.extend(message[1]))
        names = [await site.message(b"a@example.com") for _ in range(3)]
        send.send([COMMITTED, [notices[0], broken, *notices[1:]]])
        await site.agent()
        jobs = []
        while len(jobs) < 3:
            jobs += await site.jobs()
        assert sorted(job[1] for job in jobs) == sorted(names)
    run(tmp_path, test)
