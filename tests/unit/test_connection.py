"""Frames between processes: batching, bounds, hostile bytes, reconnecting."""

import asyncio
import os
import socket
import struct

import msgpack
import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from pyfix.errors import PeerError
from pyfix.ipc.connection import FRAME_LIMIT, Connection, Link, connect, decode, encode, serve


def listener(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    sock.listen(50)
    return sock


def run(main):
    return asyncio.Runner(loop_factory=uvloop.new_event_loop).run(asyncio.wait_for(main, 20))


async def until(condition):
    while not condition():
        await asyncio.sleep(0.002)


def test_messages_arrive_in_order_and_in_one_write(tmp_path):
    async def main():
        got = []
        server = await serve(listener(tmp_path / "s"), lambda c, m: (got.append(m), c.send([9, m[1]])))
        back = []
        client = await connect(str(tmp_path / "s"), lambda c, m: back.append(m[1]))
        for number in range(500):
            client.send([1, number, b"\xff", "text", None, [1, 2]])
        assert client.backlog == sum(len(encode([1, number, b"\xff", "text", None, [1, 2]])) for number in range(500))
        await asyncio.sleep(0)
        assert not client.backlog       # one flush, at the end of the turn
        await until(lambda: len(back) == 500)
        assert [m[1] for m in got] == back == list(range(500))
        assert got[0] == [1, 0, b"\xff", "text", None, [1, 2]]
        assert client.peer_credentials() == (os.getpid(), os.getuid(), os.getgid())
        client.close()
        server.close()

    run(main())


@pytest.mark.parametrize("raw", [
    struct.pack(">I", FRAME_LIMIT + 1), struct.pack(">I", 1) + b"\xc1", struct.pack(">I", 0),
    struct.pack(">I", 1) + b"\x90", struct.pack(">I", 2) + b"\x91\xa0", struct.pack(">I", 1) + b"\x01",
    struct.pack(">I", 3) + b"\x91\x01\x01", struct.pack(">I", 5) + b"\xdd\xff\xff\xff\xff",
    struct.pack(">I", 70000) + b"\x91" * 70000, b"GET / HTTP/1.0\r\n\r\n",
    struct.pack(">I", 4) + b"\x92\x01\xa1\xff",
])
def test_bad_frames_end_the_connection_only(tmp_path, raw):
    async def main():
        closed, got = [], []
        server = await serve(listener(tmp_path / "s"), lambda c, m: got.append(m), lambda c, e: closed.append(e))
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
        writer.write(raw)
        assert await reader.read() == b""
        await until(lambda: closed)
        assert isinstance(closed[0], PeerError) and got == []
        other = await connect(str(tmp_path / "s"), lambda c, m: None)
        other.send([1])
        await until(lambda: got)
        other.close()
        server.close()

    run(main())


def test_link_comes_back_and_says_hello_each_time(tmp_path):
    async def main():
        hellos = []
        link = Link(str(tmp_path / "s"), lambda c, m: None, lambda c: c.send([1, "hello"]))
        link.start()
        await asyncio.sleep(0.05)
        assert not link.send([2])
        server = await serve(listener(tmp_path / "s"), lambda c, m: hellos.append((c, m)))
        await until(lambda: len(hellos) == 1)
        hellos[0][0].close()
        await until(lambda: len(hellos) == 2)
        assert link.send([2])
        await until(lambda: len(hellos) == 3)
        link.close()
        server.close()

    run(main())


def test_a_send_to_a_closed_connection_is_swallowed(tmp_path):
    async def main():
        ends = []
        server = await serve(listener(tmp_path / "s"), lambda c, m: None, on_open=lambda c: c.close())
        client = await connect(str(tmp_path / "s"), lambda c, m: None, lambda c, e: ends.append(e))
        await until(lambda: ends)
        client.send([1])
        assert client.closed
        server.close()

    run(main())


def feed(pieces):
    got = []
    connection = Connection(lambda c, m: got.append(m))
    connection.transport = type("T", (), {"is_closing": lambda self: False})()
    for piece in pieces:
        connection.data_received(piece)
    return got


messages = st.lists(st.lists(st.one_of(st.integers(0, 2**63), st.binary(max_size=300), st.text(max_size=30), st.none()),
                             max_size=5).map(lambda rest: [7, *rest]), max_size=6)


@given(messages, st.lists(st.integers(0, 4000), max_size=8))
def test_any_split_gives_the_same_messages(sent, cuts):
    data = b"".join(map(encode, sent))
    edges = sorted({0, len(data), *(min(c, len(data)) for c in cuts)})
    assert feed(data[a:b] for a, b in zip(edges, edges[1:])) == sent
    assert feed(data[i:i + 1] for i in range(len(data))) == sent
    assert feed([data]) == sent


@given(st.binary(max_size=200))
def test_decode_gives_a_message_or_peer_error(raw):
    try:
        message = decode(raw)
    except PeerError:
        return
    assert type(message[0]) is int and msgpack.unpackb(raw) is not None


def test_a_message_over_the_limit_is_refused():
    with pytest.raises(PeerError):
        encode([1, bytes(FRAME_LIMIT)])
