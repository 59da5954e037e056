"""Micro benchmarks of what carries messages between processes, and of the MIME scanner, beside the library or plain Python.

    python -m pytest bench/micro/test_bench_records.py
"""

import email
from typing import Any

import msgpack
import pytest

from pyfix._core.mime import MimeState
from pyfix._core.pack import pack
from pyfix._core.unpack import unpack
from tests.kit.frames import received
from tests.oracle import stream as oracle

MESSAGE = [3, [[b"4F2A13C05D", 1_700_000_000_000_000, 7, 4096, 900, 4000, 0, b"sender@example.org", 1, [["smtp", "example.com", [0]]]]] * 20]
DATA = msgpack.packb(MESSAGE, use_bin_type=True)
FRAMES = (len(DATA).to_bytes(4, "big") + DATA) * 40
PARTS = b"From: a@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" + (
    b"--x\r\nContent-Type: text/plain\r\n\r\n" + (b"y" * 70 + b"\r\n") * 50) * 4 + b"--x--\r\n"


class Nobody:
    """A sink that keeps nothing."""

    def header(self, kind: int, text: bytes, offset: int) -> None: ...
    def header_end(self) -> None: ...
    def raw(self, data: bytes) -> None: ...
    def trouble(self, kind: int, text: bytes) -> None: ...


def scan() -> int:
    state = MimeState(Nobody(), bodies=False)
    state.feed(PARTS)
    state.finish()
    return state.errors


@pytest.mark.benchmark(group="pack")
def test_pack(benchmark: Any) -> None:
    assert benchmark(pack, MESSAGE) == DATA


@pytest.mark.benchmark(group="pack")
def test_pack_by_the_library(benchmark: Any) -> None:
    assert benchmark(msgpack.packb, MESSAGE) == DATA


@pytest.mark.benchmark(group="unpack")
def test_unpack(benchmark: Any) -> None:
    assert benchmark(unpack, DATA) == MESSAGE


@pytest.mark.benchmark(group="unpack")
def test_unpack_by_the_library(benchmark: Any) -> None:
    assert benchmark(msgpack.unpackb, DATA) == MESSAGE


@pytest.mark.benchmark(group="frames")
def test_frames(benchmark: Any) -> None:
    assert len(benchmark(received, FRAMES, [])[0]) == 40


@pytest.mark.benchmark(group="frames")
def test_frames_in_python(benchmark: Any) -> None:
    assert len(benchmark(oracle.messages, FRAMES)[0]) == 40


@pytest.mark.benchmark(group="MIME")
def test_mime(benchmark: Any) -> None:
    assert benchmark(scan) == 0


@pytest.mark.benchmark(group="MIME")
def test_mime_by_the_library(benchmark: Any) -> None:
    assert benchmark(email.message_from_bytes, PARTS).is_multipart()
