"""Micro benchmarks of the gate's operations (bench/gate/operations.py), and of cores beside a library or their plain-Python twins.

    python -m pytest bench/micro/test_bench_operations.py
"""

from typing import Any

import msgpack
import pytest

from bench.gate.operations import CONTENT, OPERATIONS
from pyfix._core.data import scan_only
from pyfix._core.frame import encode
from pyfix._core.mime import MimeState
from pyfix._core.pack import packed
from pyfix._core.quote import quote
from pyfix._core.unpack import unpack
from tests.oracle import data as data_in_python
from tests.oracle import frame as frame_in_python

NOTICE = [b"4F2A13C05D", 1_800_000_000_000_000, 1, 4096, 4500, 0, b"s@example.org", 1, [["smtp", "example.com", [0]]]]
WIRE = CONTENT + b".\r\n"
RECORD = (1, b"e" * 200, CONTENT, 7, 1, 4096, 4096)


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(benchmark: Any, name: str) -> None:
    benchmark(OPERATIONS[name].setup())


def test_end_of_data(benchmark: Any) -> None:
    assert benchmark(scan_only, WIRE) == len(WIRE)


def test_end_of_data_in_python(benchmark: Any) -> None:
    assert benchmark(data_in_python.scan, WIRE)[1] == len(WIRE)


def test_frame(benchmark: Any) -> None:
    assert benchmark(encode, *RECORD) == frame_in_python.encode(*RECORD)


def test_frame_in_python(benchmark: Any) -> None:
    benchmark(frame_in_python.encode, *RECORD)


def test_pack(benchmark: Any) -> None:
    assert benchmark(packed, NOTICE) == msgpack.packb(NOTICE)


def test_pack_by_msgpack(benchmark: Any) -> None:
    benchmark(msgpack.packb, NOTICE)


def test_unpack(benchmark: Any) -> None:
    assert benchmark(unpack, packed(NOTICE)) == NOTICE


def test_unpack_by_msgpack(benchmark: Any) -> None:
    assert benchmark(msgpack.unpackb, packed(NOTICE)) == NOTICE


def test_quote(benchmark: Any) -> None:
    assert benchmark(quote, b"john doe@example.com") == b'"john doe"@example.com'


class Nowhere:
    """A sink of MIME events."""

    def __getattr__(self, name: str) -> Any:
        return lambda *words: None


def test_mime(benchmark: Any) -> None:
    def run() -> int:
        state = MimeState(Nowhere())
        state.feed(CONTENT)
        state.finish()
        return state.errors
    assert benchmark(run) == 0
