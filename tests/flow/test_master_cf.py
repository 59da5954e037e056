"""What master.cf says, seen on a running relay: process limits, wakeup, -o in all its forms, lines left out; and start-fg."""

import asyncio
import os
import signal
import subprocess

from tests.kit.relay import BIN, Relay


def run(scenario):
    asyncio.run(asyncio.wait_for(scenario, 110))


class Other(Relay):
    """A relay whose smtpd line is another. `limit`: its process limit; `rest`: what follows the command."""

    def __init__(self, limit: str = "-", rest: str = "", main_cf: str = "", wakeup: int = 60) -> None:
        super().__init__(main_cf)
        self.limit, self.rest, self.wakeup = limit, rest, wakeup

    def configure(self) -> None:
        super().configure()
        path = self.etc / "master.cf"
        text = path.read_text().replace("inet n - n - - smtpd", f"inet n - n - {self.limit} smtpd{self.rest}")
        path.write_text(text.replace("n - n 60 1 pickup", f"n - n {self.wakeup} 1 pickup"))

    async def greets(self) -> bool:
        """Ready when it says so: a connection would take the only place."""
        return bool(self.logged("daemon started"))


async def greeting(port: int, patience: float) -> tuple[bytes, asyncio.StreamWriter]:
    """What the server says first, b"" if it says nothing for so many seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await asyncio.wait_for(reader.readline(), patience), writer
    except TimeoutError:
        return b"", writer


async def one_at_a_time(relay: Relay) -> None:
    async with relay:
        first, writer = await greeting(relay.port, 20)
        waiting = asyncio.create_task(greeting(relay.port, 20))
        await asyncio.sleep(1.0)
        assert first.startswith(b"220") and not waiting.done()
        writer.close()
        second, writer = await waiting
        assert second.startswith(b"220")
        writer.close()


def test_a_process_limit_bounds_the_sessions():
    run(one_at_a_time(Other("1")))


def test_so_does_default_process_limit_where_it_is_given():
    run(one_at_a_time(Other("-", main_cf="default_process_limit = 1\n")))


def test_limit_zero_is_none():
    async def scenario():
        async with Other("0", main_cf="default_process_limit = 1\n") as relay:
            said = await asyncio.gather(*(greeting(relay.port, 20) for _ in range(3)))
            assert all(line.startswith(b"220") for line, _ in said)
            for _, writer in said:
                writer.close()
    run(scenario())


def test_overrides_in_all_their_forms():
    rest = ("\n    -o { smtpd_banner = all of\n# a comment in the middle\n these words }\n -o message_size_limit=1234\n"
            "\t-v -o myhostname=${smtpd_helo_restrictions:other}.example -osmtpd_discard_ehlo_keywords=vrfy,etrn\n")
    async def scenario():
        async with Other(rest=rest, main_cf="smtpd_helo_restrictions =\n") as relay:
            reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
            assert await reader.readline() == b"220 all of these words\r\n"
            writer.write(b"EHLO x\r\n")
            lines = [await reader.readline()]
            while lines[-1][3:4] == b"-":
                lines.append(await reader.readline())
            assert lines[0] == b"250-other.example\r\n" and b"250-SIZE 1234\r\n" in lines and not any(b"VRFY" in one or b"ETRN" in one for one in lines)
            writer.close()
    run(scenario())


def test_wakeup_is_when_pickup_looks_unasked():
    async def scenario():
        async with Other(wakeup=1) as relay:
            maildrop, elsewhere = relay.base / "spool/maildrop", relay.base / "elsewhere"
            for name in ("etc", "q/maildrop", "q/public"):
                (elsewhere / name).mkdir(parents=True)
            text = (relay.etc / "main.cf").read_text().replace(f"{relay.base}/spool", f"{elsewhere}/q")
            (elsewhere / "etc/main.cf").write_text(text)
            done = await asyncio.to_thread(subprocess.run, [BIN / "sendmail", "-C", elsewhere / "etc", "a@b.example"],
                                           input=b"Subject: x\n\nhi\n", capture_output=True, timeout=60)
            assert done.returncode == 0, done
            [file] = (elsewhere / "q/maildrop").iterdir()
            os.rename(file, maildrop / file.name)               # nobody is told
            await relay.until(lambda: relay.received, "the message that pickup found by itself")
    run(scenario())


def test_a_disabled_line_does_not_listen():
    async def scenario():
        async with Other(main_cf="master_service_disable = inet\n") as relay:
            assert "smtpd" not in relay.processes().values()
            try:
                await asyncio.open_connection("127.0.0.1", relay.port)
                raise AssertionError("somebody listens")
            except ConnectionRefusedError:
                pass
    run(scenario())


def test_in_the_foreground_the_log_can_be_standard_output():
    async def scenario():
        relay = Relay("maillog_file = /dev/stdout\nmaillog_file_prefixes = /dev/stdout\n")
        relay.configure()
        relay.base.chmod(0o755)
        process = await asyncio.create_subprocess_exec(BIN / "postfix", "-c", relay.etc, "start-fg", stdout=subprocess.PIPE,
                                                       stderr=subprocess.PIPE)
        try:
            assert b"postfix/postfix-script" in await process.stdout.readline()
            assert b"daemon started -- version" in await process.stdout.readline()
            await relay.until(lambda: Relay.greets(relay), "the relay to greet")
            assert b"/smtpd[" in await process.stdout.readline()
            rotate = await relay.command("postfix", "logrotate")
            assert rotate.returncode == 1 and b"not rotating '/dev/stdout'" in rotate.stderr + rotate.stdout
            status = await relay.command("postfix", "status")
            assert status.returncode == 0
        finally:
            process.send_signal(signal.SIGTERM)
            rest, errors = await asyncio.wait_for(process.communicate(), 30)
            await relay.__aexit__(None, None, None)
        assert b"terminating on signal 15" in rest and process.returncode == 0, errors
    run(scenario())
