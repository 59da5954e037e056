"""Frames of a command that waits: the same bytes as those of the processes, and every kind of rubbish told apart."""

import io
import socket

import pytest

from pyfix.errors import PeerError
from pyfix.ipc import stream
from pyfix.ipc.plain import FRAME_LIMIT, receive, send

MESSAGES = [[9], [7, b"bytes", "text", None, True, 1 << 40, -5, [1, [2, {"a": b"b"}]]], [1, b"x" * 100_000]]


@pytest.mark.parametrize("message", MESSAGES)
def test_both_kinds_of_frames_are_the_same(message):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        send(ours, message)
        ours.shutdown(socket.SHUT_WR)
        data = theirs.makefile("rb").read()
    assert data == stream.encode(message)
    assert receive(io.BytesIO(data)) == message
    assert FRAME_LIMIT == stream.FRAME_LIMIT


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0\0\5\x91", b"\xff\xff\xff\xff", b"\0\0\0\1\xc1", b"\0\0\0\1\x90",
                                  b"\0\0\0\1\5", b"\0\0\0\2\x91\xc0", b"\0\0\0\2\x91\xc3", b"\0\0\0\3\x91\1\1"])
def test_rubbish_is_an_error_of_the_peer(data):
    with pytest.raises(PeerError):
        receive(io.BytesIO(data))


def test_a_command_does_not_wait_for_ever(tmp_path, monkeypatch):
    """Master holds the socket while qmgr is stopped or throttled: connecting works, and nobody answers."""
    from pyfix.commands import queued
    monkeypatch.setattr(queued, "PATIENCE", 0.2)
    (tmp_path / "public").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "public/qmgr"))
        listening.listen(1)
        config = type("Config", (), {"queue_directory": str(tmp_path)})
        for _ in range(4):                      # the last ones find the backlog full
            asked = None
            with pytest.raises(queued.Failure, match="no answer from the queue manager"):
                asked = queued.Asked(config, "public/qmgr", "flush")
                asked.finish()
            assert not isinstance(asked, queued.Down)
