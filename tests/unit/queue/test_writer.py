"""The writer and the reader: what is committed is read back whole; ids are never given twice."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from pyfix.errors import Corrupt, DiskFull, QueueError
from pyfix.model import Envelope, Recipient
from pyfix.queue.content import ContentBuffer
from pyfix.queue.envelope import pack
from pyfix.queue.journal import Journal
from pyfix.queue.reader import Reader
from pyfix.queue.recovery import STATE
from pyfix.queue.writer import Writer


def envelope(queue_id: bytes, size: int, extents: list[tuple[int, int, int]] | None = None) -> bytes:
    return pack(Envelope(queue_id, 1_700_000_000_000_000, b"a@example.com", 0, size, extents=extents,
                         recipients=[Recipient(b"b@example.org", transport="smtp", nexthop="example.org")]))


def commit(writer: Writer, *bodies: bytes) -> dict[bytes, tuple[object, Exception | None]]:
    """Commit and wait; queue id -> (place, error)."""
    results: dict[bytes, tuple[object, Exception | None]] = {}
    writer.on_group = lambda group: results.update((token, (place, error)) for token, place, error in group)
    ids = [writer.new_id() for _ in bodies]
    for queue_id, body in zip(ids, bodies, strict=True):
        writer.commit(envelope(queue_id, len(body)), body, queue_id)
    writer.wait()
    assert list(results) == ids
    return results


def test_what_is_committed_is_read_back(tmp_path: Path) -> None:
    writer, reader = Writer(str(tmp_path), "t", segment_size=65536), Reader(str(tmp_path))
    bodies = [os.urandom(n) for n in (0, 1, 7, 8, 9, 511, 512, 4096, 30000, 30000, 200000, 5)]
    results = commit(writer, *bodies)
    for (queue_id, (place, error)), body in zip(results.items(), bodies, strict=True):
        assert error is None
        found, content = reader.open(place)
        assert (found.queue_id, bytes(content)) == (queue_id, body)
        fd, offset, length = content.extents[0]
        assert os.pread(fd, length, offset) == body
    assert len(list(tmp_path.glob("*.seg"))) > 3
    writer.close()


def test_one_report_a_group_and_grouping_while_a_sync_runs(tmp_path: Path) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        groups, done = [], loop.create_future()

        def on_group(group: list[object]) -> None:
            groups.append(len(group))
            if sum(groups) == 300:
                done.set_result(None)
        writer = Writer(str(tmp_path), "t", loop, on_group)
        for _ in range(300):
            queue_id = writer.new_id()
            writer.commit(envelope(queue_id, 3), b"abc", queue_id)
        await done
        assert len(groups) < 150
        writer.close()
    asyncio.run(run())


def test_ids_are_unique_across_segments_writers_and_restarts(tmp_path: Path) -> None:
    seen: set[bytes] = set()
    for _ in range(3):
        writers = [Writer(str(tmp_path), name, segment_size=16384, long_ids=name == "b") for name in "ab"]
        for writer in writers:
            for _ in range(20):
                seen |= commit(writer, b"x" * 1000).keys()
            writer.close()
    assert len(seen) == 120
    numbers = {int(q[5:], 16) for q in seen if b"z" not in q}
    assert len(numbers) == 60


def test_long_content_in_chunks(tmp_path: Path) -> None:
    writer, reader = Writer(str(tmp_path), "t", segment_size=65536), Reader(str(tmp_path))
    pieces = [os.urandom(40000) for _ in range(5)]
    extents = []
    for piece in pieces:
        buffer = ContentBuffer()
        buffer.write(piece)
        extents.append(writer.chunk(buffer))
        with pytest.raises(ValueError):
            buffer.write(b"late")
    results = []
    writer.on_group = results.extend
    queue_id = writer.new_id()
    pinned = {segment for segment, _, _ in extents}
    assert len(pinned) > 2 and pinned <= writer.using()
    writer.commit(envelope(queue_id, 200000, extents), None, queue_id, extents)
    writer.wait()
    found, content = reader.open(results[0][1])
    assert found.extents == extents and bytes(content) == b"".join(pieces) and content.data is None
    content.verify()
    commit(writer, b"x")
    assert not pinned - {writer.position()[0]} & writer.using()
    writer.close()


def test_a_damaged_record_is_corrupt_and_its_neighbour_is_not(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "t")
    (first, _), (second, _) = commit(writer, b"one" * 100, b"two" * 100).values()
    writer.close()
    path = tmp_path / f"{first.segment:08x}.seg"
    with open(path, "r+b") as f:
        f.seek(first.offset + first.length - 5)
        f.write(b"!")
    reader = Reader(str(tmp_path))
    with pytest.raises(Corrupt):
        reader.open(first)
    assert bytes(reader.open(second)[1]) == b"two" * 100
    for place in ((first.segment, 0, 100), (first.segment, first.offset + 8, 50), (first.segment, 1 << 30, 50),
                  (first.segment, first.offset, 1 << 29), (first.segment, first.offset, 31)):
        with pytest.raises(Corrupt):
            reader.open(place)
    with pytest.raises(QueueError):
        reader.open((99, first.offset, first.length))


def test_commit_after_close_is_refused_in_the_report(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "t")
    queue_id = writer.new_id()
    writer.close()
    results = []
    writer.on_group = results.extend
    writer.commit(envelope(queue_id, 1), b"x", queue_id)
    writer.ready()
    assert results[0][:2] == (queue_id, None) and isinstance(results[0][2], QueueError)
    assert not isinstance(results[0][2], DiskFull)


def test_the_thread_and_the_loop_never_make_the_same_segment(tmp_path: Path) -> None:
    """While the thread makes the spare, the loop may need the next segment: they have different numbers, all content is whole."""
    writer, reader = Writer(str(tmp_path), "t", segment_size=12288), Reader(str(tmp_path))
    results: dict[bytes, tuple[object, Exception | None]] = {}
    writer.on_group = lambda group: results.update((token, (place, error)) for token, place, error in group)
    for number in range(600):
        queue_id = writer.new_id()
        writer.commit(envelope(queue_id, 2500), bytes([number % 251]) * 2500, queue_id)
        if number % 7 == 0:
            writer.ready()
        if number % 40 == 0:
            for old in sorted(tmp_path.glob("*.seg"))[:-1:9]:
                if int(old.stem, 16) not in writer.using():
                    old.rename(old.with_suffix(".free"))        # something to use again
    writer.wait()
    writer.close()
    assert len(results) == 600 and not [error for _, error in results.values() if error is not None]
    kept = {int(path.stem, 16) for path in tmp_path.glob("*.seg")}
    for number, (queue_id, (place, _)) in enumerate(results.items()):
        if place.segment in kept:
            found, content = reader.open(place)
            assert found.queue_id == queue_id and bytes(content) == bytes([number % 251]) * 2500


def test_a_journal_goes_on_in_higher_segments_only(tmp_path: Path) -> None:
    """Recovery reads by number: a spare made before a segment that was needed at once must not be used after it."""
    journal = Journal(str(tmp_path), "qmgr", STATE, segment_size=65536)
    places = []
    for length in [20_000] * 3 + [200_000] + [20_000] * 12 + [90_000] + [20_000] * 12:
        places.append(journal.append(STATE, bytes(length)))
        journal.wait()
        time.sleep(0.01)            # the thread makes its spare
    assert places == sorted(places) and len({segment for segment, _ in places}) > 6
    journal.close()
