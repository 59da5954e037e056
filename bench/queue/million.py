"""A queue of a million deferred messages: how long recovery takes, and how much memory the store needs.

    python bench/queue/million.py [count] [directory]

The message segments hold records without content (recovery does not read content), the rest is as in service.
"""

import os
import resource
import shutil
import sys
import tempfile
import time

from pyfix.model import Envelope, Recipient
from pyfix.queue.envelope import pack
from pyfix.queue.store import Store
from pyfix.queue.writer import Writer


def fill(path: str, count: int) -> None:
    """Commit `count` messages and defer them all, with a reason each."""
    store = Store(path)
    store.recover()
    notices = []

    def on_group(group: list) -> None:
        for envelope, place, error in group:
            assert error is None
            notices.append([envelope.queue_id, envelope.arrival, *place, envelope.size, 0, envelope.sender, 1])
    writer = Writer(path, "smtpd.0", None, on_group)
    when = time.time_ns() // 1000
    for start in range(0, count, 5000):
        for i in range(start, min(count, start + 5000)):
            envelope = Envelope(writer.new_id(), when, b"sender@example.org", recipients=[
                Recipient(b"user%d@example.com" % i, transport="smtp", nexthop="example.com")])
            writer.commit(pack(envelope), b"", envelope)
        writer.wait()
        for notice in notices:
            slot = store.admit(notice)
            store.activate(slot)
            store.defer(slot, when + 3_600_000_000 + start * 1000, [(0, "4.4.1", "connect to mx.example.com[192.0.2.1]:25: Connection timed out")])
        notices.clear()
        store.maintain()
        store.ready()
    writer.close()
    store.close()


def measure(path: str) -> None:
    """Recover in this process and say what it took."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    store = Store(path)
    found = store.recover()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    slots, _ = store.scan((3,), 0, 1000)
    first = store.reasons(slots[0])
    print(f"recovered {found.deferred} deferred in {found.seconds:.2f} s, {(after - before) / 1024:.0f} MB more; "
          f"first thousand slots and a reason in {(time.perf_counter() - began) * 1000:.1f} ms ({first[0][0]})")
    for line in found.warnings[:5]:
        print(line)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    path = tempfile.mkdtemp(dir=sys.argv[2] if len(sys.argv) > 2 else None)
    try:
        began = time.perf_counter()
        child = os.fork()
        if child == 0:
            fill(path, count)
            os._exit(0)
        os.waitpid(child, 0)
        print(f"filled in {time.perf_counter() - began:.0f} s")
        measure(path)
    finally:
        shutil.rmtree(path)


if __name__ == "__main__":
    main()
