"""Micro benchmarks of the load tools' cores: histogram, traffic, the receiver's check, and source and sink face to face.

    python -m pytest bench/micro/test_bench_load.py
"""

import asyncio
import random
from typing import Any

import uvloop

from pyfix.load import mix, sink, source
from pyfix.load.histogram import Histogram
from pyfix.load.checking import examine
from pyfix.load.sending import Source
from pyfix.load.traffic import Traffic
from pyfix.net.engine import Engine

VALUES = [int(random.Random(1).lognormvariate(8, 1)) for _ in range(1000)]
TRAFFIC = Traffic(b"micro", 1, *mix.plain("s@bench.example", "u{u}@d{d}.test", 1000, 100, "4096", "1", ""))
LETTER = TRAFFIC.example(7)[2]
MESSAGES = 200


def recorded() -> int:
    histogram = Histogram()
    for value in VALUES:
        histogram.record(value)
    return histogram.percentile(99.9)


def recorded_in_python() -> int:
    values = []
    for value in VALUES:
        values.append(value)
    return sorted(values)[999]


def test_histogram(benchmark: Any) -> None:
    assert benchmark(recorded) >= recorded_in_python()


def test_histogram_in_python(benchmark: Any) -> None:
    benchmark(recorded_in_python)


def test_letter(benchmark: Any) -> None:
    assert len(benchmark(TRAFFIC.example, 7)[2]) == len(LETTER)


def test_check_of_what_came(benchmark: Any) -> None:
    assert benchmark(examine, LETTER)[2]


async def exchange() -> int:
    """MESSAGES over one kept connection: what has arrived."""
    loop = asyncio.get_running_loop()
    engine, over = Engine(loop), loop.create_future()
    post = sink.Post(engine, sink.parser().parse_args(["127.0.0.1:0"]), "127.0.0.1:0", "")
    words = ["127.0.0.1:%d" % post.socket.getsockname()[1], "-m", str(MESSAGES), "-s", "1", "-c", "0", "--run", "micro"]
    sender = Source(engine, TRAFFIC, source.plan(source.parser().parse_args(words), 0, 1), lambda: over.set_result(None))
    sender.start()
    await over
    engine.close()
    post.socket.close()
    return post.receiver.runs[b"micro"].result()["complete"]


def test_source_and_sink_face_to_face(benchmark: Any) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert benchmark.pedantic(lambda: runner.run(exchange()), rounds=10, warmup_rounds=1) == MESSAGES
