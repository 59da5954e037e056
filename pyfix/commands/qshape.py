"""qshape: how the queue is spread over domains and ages. Manual page: qshape(1).

Law: a row a domain, most first, and a column an age; the row TOTAL is the sum. Counted are the recipients that are still
to be served, or with -s the messages by their sender's domain. Rows of one count come shortest name first. The
queue is streamed as for `postqueue -p`: what is kept is one row of numbers for each domain, never a message.
"""

import getopt
import os
import sys
import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from pyfix.commands.common import Failure, fatal
from pyfix.commands.postqueue import records
from pyfix.commands.queued import Usage, load
from pyfix.errors import PyfixError

USAGE_STATUS = 255
USAGE = """usage: qshape [-s] [-p] [-m min_subdomains] [-l] [-b bucket_count] [-t bucket_time]
\t[-w terminal_width] [-N batch_msg_count] [-n batch_top_domains] [-c config_directory] [queue_name ...]
-s counts messages by sender domain; -p adds rows for parent domains with at least min_subdomains (5) subdomains.
The first of bucket_count (10) age ranges ends at bucket_time (5) minutes, each further one at twice the age; -l: at multiples.
Queues are incoming, active, deferred and hold; incoming and active where none is named."""
SHOWN = ("incoming", "active", "deferred", "hold")
NARROWEST = 18              # of the column of names
CLEAR = b"\x1b[H\x1b[2J\x1b[3J"
NOBODY = b"MAILER-DAEMON"


class Buckets:
    """Ranges of age: `count` of them, the first `minutes` long, then twice as much each, or multiples."""

    def __init__(self, count: int, minutes: float, linear: bool) -> None:
        self.bounds = [minutes * (at if linear else 2 ** (at - 1)) for at in range(1, count)]
        words = [f"{bound:g}" if bound < 1e6 else f"{bound:.0f}" for bound in self.bounds]
        self.labels = [*words, (words[-1] if words else "0") + "+"]

    def of(self, age: float) -> int:
        """The number of the range that so many seconds are in."""
        return bisect_right(self.bounds, age / 60)


class Shape:
    """The counts. `rows` has a list for each domain: all, then the number in each bucket."""

    def __init__(self, buckets: Buckets, parents: bool = False, least: int = 5) -> None:
        self.buckets, self.parents, self.least = buckets, parents, least
        self.total = [0] * (len(buckets.labels) + 1)
        self.rows: dict[bytes, list[int]] = {}
        self.children: dict[bytes, int] = {}

    def add(self, address: bytes, bucket: int) -> None:
        """Count one address of that age."""
        _count(self.total, bucket)
        name = domain_of(address)
        child = b""
        while True:
            row = self.rows.get(name)
            if row is None:
                row = self.rows[name] = [0] * len(self.total)
                if child:
                    self.children[name] = 0
            if child and self.rows[child][0] == 1:          # seen for the first time just now
                self.children[name] += 1
            _count(row, bucket)
            child, name = name, parent_of(name) if self.parents else b""
            if not name:
                return

    def shown(self) -> Iterator[tuple[bytes, list[int]]]:
        """The rows to print, TOTAL first."""
        yield b"TOTAL", self.total
        for name in sorted(self.rows, key=lambda name: (-self.rows[name][0], len(name), name)):
            if not name.startswith(b".") or self.children.get(name, -1) >= self.least:
                yield name, self.rows[name]

    def lines(self, width: int, most: int = 0) -> Iterator[bytes]:
        """The table, without line ends; `most` rows of it (0: all)."""
        heads = [b"T", *(label.encode() for label in self.buckets.labels)]
        wide = [max(2, len(head), len(str(number))) for head, number in zip(heads, self.total, strict=True)]
        room = max(NARROWEST, width - sum(wide) - len(wide))
        yield b" ".join([b" " * room, *(head.rjust(size) for head, size in zip(heads, wide, strict=True))])
        for at, (name, row) in enumerate(self.shown()):
            if most and at >= most:
                return
            yield b" ".join([fitted(name, room), *(b"%*d" % pair for pair in zip(wide, row, strict=True))])


def _count(row: list[int], bucket: int) -> None:
    row[0] += 1
    row[bucket + 1] += 1


def domain_of(address: bytes) -> bytes:
    """What is counted for an address in internal form: its domain in lower case, or all of it where it has none."""
    name = (address or NOBODY).rpartition(b"@")[2]
    if address:
        name = name.lower()
    name = name.replace(b"..", b".")
    name = name[1:] if name.startswith(b".") and len(name) > 1 else name
    return name[:-1] if name.endswith(b".") and len(name) > 1 else name


def parent_of(name: bytes) -> bytes:
    """The domain above, with a leading dot; b"" where that is a top level domain."""
    above = name.removeprefix(b".").partition(b".")[2]
    return b"." + above if b"." in above else b""


def fitted(name: bytes, room: int) -> bytes:
    """A name in so many columns: its end counts."""
    if len(name) <= room:
        return name.rjust(room)
    mark = b".+" if name.startswith(b".") else b"+"
    return mark + name[len(mark) - room:]


class Screen:
    """Where the table goes: a file gets all of it at the end, a terminal the top of it now and then."""

    def __init__(self, out: BinaryIO, width: int, every: int, most: int) -> None:
        self.out, self.width, self.every, self.most = out, width, every, most
        self.terminal = out.isatty()

    def show(self, shape: Shape) -> None:
        """The table as it stands."""
        if self.terminal:
            self.out.write(CLEAR)
        for line in shape.lines(self.width, self.most if self.terminal else 0):
            self.out.write(line + b"\n")
        self.out.flush()

    def due(self, messages: int) -> bool:
        """Whether so many messages are worth a look at what there is."""
        return self.terminal and messages % self.every == 0


def measure(rows: Iterable[list[Any]], queues: set[str], shape: Shape, senders: bool, screen: Screen, now: float) -> None:
    """Count what the rows (as `qmgr.admin.describe` makes them) have in these queues, and show it."""
    messages = 0
    for queue, _, arrival, _, _, sender, recipients in rows:
        if queue not in queues:
            continue
        bucket = shape.buckets.of(now - arrival)
        for address in (sender,) if senders else [one for one, _ in recipients]:
            shape.add(address, bucket)
        messages += 1
        if screen.due(messages):
            screen.show(shape)
    screen.show(shape)


def positive(given: dict[str, str], option: str, default: float) -> float:
    """An option's number; its default where it is missing or not above 0. Raises Usage."""
    try:
        value = float(given.get(option, default))
    except ValueError:
        raise Usage(f"{option}: not a number: {given[option]}\n{USAGE}") from None
    return value if 0 < value < 1e9 else default


def chosen(words: list[str], queue_directory: str) -> set[str]:
    """The queues that the words mean: names, or directories below queue_directory. Others are complained of."""
    found = set()
    for word in words:
        name = os.path.relpath(word, queue_directory) if word.startswith("/") else word.rstrip("/")
        if name in SHOWN:
            found.add(name)
        else:
            print(f"qshape: warning: {word}: no such queue here; there are {', '.join(SHOWN)}", file=sys.stderr)
    return found


def run(argv: list[str], out: BinaryIO) -> int:
    """The command. Raises Failure, PyfixError."""
    try:
        options, words = getopt.getopt(argv, "sc:lm:b:t:pw:N:n:")
    except getopt.GetoptError as error:
        raise Usage(f"{error}\n{USAGE}") from None
    given = dict(options)
    config = load(given.get("-c", ""))
    buckets = Buckets(int(positive(given, "-b", 10)) or 10, positive(given, "-t", 5), "-l" in given)
    shape = Shape(buckets, "-p" in given, int(positive(given, "-m", 5)) or 5)
    screen = Screen(out, max(80, int(positive(given, "-w", 80))), int(positive(given, "-N", 1000)) or 1000,
                    int(positive(given, "-n", 20)) or 20)
    queues = chosen(words or ["incoming", "active"], config.queue_directory)
    measure(records(config, "qshape"), queues, shape, "-s" in given, screen, time.time())
    return 0


def main() -> int:
    """Entry point."""
    try:
        return run(sys.argv[1:], sys.stdout.buffer)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except Usage as error:
        print(f"qshape: {error}", file=sys.stderr)
        return USAGE_STATUS
    except (Failure, PyfixError, OSError) as error:
        return fatal("qshape", str(error))


if __name__ == "__main__":
    sys.exit(main())
