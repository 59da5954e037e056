"""The engine against real sockets on loopback: reading, writing, limits and endings."""

import asyncio
import os
import socket

import pytest
import uvloop

from pyfix.net.callbacks import PyListener, PyStream
from pyfix.net.engine import Engine


class Echo(PyStream):
    """Sends back whole lines in upper case; keeps an unfinished one."""

    made: list["Echo"] = []

    def connected(self):
        Echo.made.append(self)
        self.write(b"hello\n")

    def data(self, data):
        used = data.rfind(b"\n") + 1
        if used:
            self.write(data[:used].upper())
        return used


@pytest.fixture
def run():
    """Runs a coroutine function with (engine, address of an echo listener)."""
    def go(scenario, stream=Echo):
        async def main():
            engine = Engine(asyncio.get_running_loop())
            listener = socket.create_server(("127.0.0.1", 0))
            listener.setblocking(False)
            Echo.made = []
            keep = PyListener(engine, listener.fileno(), stream)
            try:
                return await asyncio.wait_for(scenario(engine, listener.getsockname()), 20)
            finally:
                keep.pause()
                engine.close()
                listener.close()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(main())
    return go


def test_lines_are_echoed_however_they_are_cut(run):
    async def scenario(engine, address):
        reader, writer = await asyncio.open_connection(*address)
        assert await reader.readline() == b"hello\n"
        for piece in (b"o", b"ne\ntw", b"o\n", b"three\nfour\nfi", b"ve\n"):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.005)
        assert await reader.readexactly(len(b"one\ntwo\nthree\nfour\nfive\n")) == b"ONE\nTWO\nTHREE\nFOUR\nFIVE\n"
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0.02)
        assert engine.streams == 0
    run(scenario)


def test_a_leftover_at_the_end_of_file_is_not_lost_and_the_socket_is_closed(run):
    async def scenario(engine, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"x\nrest without end")
        writer.write_eof()
        assert await reader.read() == b"hello\nX\n"
        assert engine.streams == 0
    run(scenario)


def test_many_megabytes_pass_through_a_slow_reader_whole(run):
    line = b"y" * 9999 + b"\n"

    async def scenario(engine, address):
        reader, writer = await asyncio.open_connection(*address, limit=1 << 16)
        await reader.readline()

        async def send():
            for _ in range(1000):
                writer.write(line)
                await writer.drain()
        task = asyncio.ensure_future(send())
        await asyncio.sleep(0.1)
        total = 0
        while total < 1000 * len(line):
            total += len(await reader.read(65536))
        await task
        assert total == 1000 * len(line)
        writer.close()
    run(scenario)


def test_a_file_range_follows_what_was_written(run, tmp_path):
    path = tmp_path / "content"
    path.write_bytes(b"0123456789" * 100_000)
    fd = os.open(path, os.O_RDONLY)

    class Sender(PyStream):
        def connected(self):
            self.write(b"head:")
            self.write_file(fd, 5, 900_000)

        def drained(self):
            self.finish()

    async def scenario(engine, address):
        reader, _ = await asyncio.open_connection(*address)
        got = await reader.read()
        assert got == b"head:" + (b"0123456789" * 100_000)[5:900_005]
    run(scenario, Sender)
    os.close(fd)


def test_a_deadline_ends_an_idle_stream_and_a_later_one_does_not(run):
    class Patient(Echo):
        def connected(self):
            super().connected()
            self.deadline_in(1)

        def data(self, data):
            self.deadline_in(5)
            return super().data(data)

        def timed_out(self):
            self.write(b"timeout\n")
            self.finish()

    async def scenario(engine, address):
        idle, _ = await asyncio.open_connection(*address)
        busy, writer = await asyncio.open_connection(*address)
        writer.write(b"keep\n")
        assert await asyncio.wait_for(idle.read(), 4) == b"hello\ntimeout\n"
        writer.write(b"alive\n")
        assert await busy.readexactly(17) == b"hello\nKEEP\nALIVE\n"
        writer.close()
    run(scenario, Patient)


def test_paused_streams_get_nothing_until_resumed(run):
    async def scenario(engine, address):
        reader, writer = await asyncio.open_connection(*address)
        await reader.readline()
        stream = Echo.made[0]
        stream.pause_reading()
        writer.write(b"held\n")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(reader.readline(), 0.1)
        stream.resume_reading()
        assert await reader.readline() == b"HELD\n"
        writer.close()
    run(scenario)


def test_a_refused_connection_is_told_with_its_errno(run):
    import errno

    async def scenario(engine, address):
        failure = asyncio.get_running_loop().create_future()

        class Caller(PyStream):
            def failed_with(self, error):
                failure.set_result(error)
                self.drop()

        caller = Caller()
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            caller.connect_to(engine, socket.AF_INET, *unused.getsockname())
            assert await failure == errno.ECONNREFUSED
        assert engine.streams == 0
    run(scenario)


@pytest.mark.parametrize("family, host", [(socket.AF_INET, "localhost"), (socket.AF_INET6, "127.0.0.1"),
                                          (socket.AF_INET, "0177.0.0.1"), (socket.AF_INET, "1.2.3.4 junk")])
def test_only_numeric_addresses_are_taken(run, family, host):
    async def scenario(engine, address):
        with pytest.raises(ValueError):
            PyStream().connect_to(engine, family, host, 25)
    run(scenario)


def test_a_handler_that_raises_ends_its_session_and_no_other(run):
    class Fragile(Echo):
        def data(self, data):
            if b"break" in data:
                raise AssertionError("planted")
            return super().data(data)

    async def scenario(engine, address):
        seen = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: seen.append(context["exception"]))
        bad, bad_writer = await asyncio.open_connection(*address)
        good, good_writer = await asyncio.open_connection(*address)
        bad_writer.write(b"break\n")
        assert await bad.read() == b"hello\n"
        good_writer.write(b"on\n")
        assert await good.readexactly(9) == b"hello\nON\n"
        assert [type(error) for error in seen] == [AssertionError]
        good_writer.close()
    run(scenario, Fragile)


def test_hundreds_of_connections_come_and_go(run):
    async def one(address, number):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"n%d\n" % number)
        assert await reader.readexactly(len(b"hello\nN%d\n" % number)) == b"hello\nN%d\n" % number
        writer.close()
        await writer.wait_closed()

    async def scenario(engine, address):
        for start in range(0, 600, 100):
            await asyncio.gather(*(one(address, n) for n in range(start, start + 100)))
        await asyncio.sleep(0.05)
        assert engine.streams == 0
    run(scenario)
