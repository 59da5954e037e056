"""The messages that lie in a system's queue before the clock starts: sent to a destination where nobody listens.

The first SEED come by SMTP. A system that can take the rest the same way within LIMIT does; Postfix's are copied from those
(`copied`), since it would take half an hour to take a million. The others are out, and told why.
"""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.compare import usage
from bench.compare.peers import Unavailable
from bench.compare.tools import burst

if TYPE_CHECKING:
    from bench.compare.systems import System

SEED = 5000
LIMIT = 900.0       # seconds to fill a queue


def fill(system: System, count: int) -> None:
    """Brings `count` messages into the queue of a running system. Unavailable: that would take too long."""
    start = time.monotonic()
    send(system, min(count, SEED), "backlog")
    if count <= SEED or system.multiply(count):
        return
    needed = (count - SEED) * (time.monotonic() - start) / SEED
    if needed > LIMIT:
        raise Unavailable(f"it would take {needed / 60:.0f} minutes to bring {count} messages into its queue (--scale makes them fewer)")
    send(system, count - SEED, "backlog2")


def send(system: System, count: int, run: str) -> None:
    """So many by SMTP; returns when the system has come to rest."""
    burst(system.port, count, run, ["-s", "20", "-l", "4096", "-c", "0", "-t", "user@d0.test"], timeout=2 * LIMIT)
    usage.settle(system.root_pid(), patience=60)


def copied(deferred: Path, count: int) -> None:
    """Copies of the files in Postfix's deferred queue until there are `count`, named as Postfix names them: by five
    hexadecimal digits of the microsecond and the inode, in a directory of the first digit."""
    originals = [path for path in deferred.rglob("*") if path.is_file()]
    contents = [(path.read_bytes(), path.stat()) for path in originals]
    for number, (content, found) in zip(range(len(originals), count), itertools.cycle(contents)):
        temporary = deferred / "copy"
        with open(temporary, "wb") as file:
            file.write(content)
            inode = os.fstat(file.fileno()).st_ino
            os.fchown(file.fileno(), found.st_uid, found.st_gid)
            os.fchmod(file.fileno(), found.st_mode)
        os.utime(temporary, (found.st_atime, found.st_mtime))      # the time of the next attempt
        name = f"{number % 0xFFFFF:05X}{inode:X}"
        (deferred / name[0]).mkdir(mode=0o700, exist_ok=True)
        os.chown(deferred / name[0], found.st_uid, found.st_gid)
        temporary.rename(deferred / name[0] / name)
    os.sync()
