"""postsuper: delete, hold, release, requeue, expire queued messages. Manual page: postsuper(1).

Works through qmgr while it runs, on the queue itself (with its lock) while it is down. Each
message that was changed gives a line, on standard error and in the log; so does the total.
"""

import getopt
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from pyfix.commands.common import Failure, complaint, fatal
from pyfix.commands.queued import Asked, Down, Usage, load, own_store
from pyfix.config import Config
from pyfix.errors import PyfixError
from pyfix.queue.states import HOLD, NAMES
from pyfix.telemetry.maillog import CommandLog

USAGE = ("usage: postsuper [-c config_dir] [-d queue_id (delete)] [-e queue_id (expire)] "
         "[-f queue_id (expire and/or un-hold)] [-h queue_id (hold)] [-H queue_id (un-hold)] "
         "[-p (purge temporary files)] [-r queue_id (requeue)] [-s (structure fix)] "
         "[-S (redundant structure fix)][-v (verbose)] [queue...]")
# option: (qmgr's name for it, what a message's line says, what the total says)
WORK = {"-d": ("delete", "removed", "Deleted"), "-h": ("hold", "placed on hold", "Placed on hold"),
        "-H": ("release", "released from hold", "Released from hold"), "-r": ("requeue", "requeued", "Requeued"),
        "-e": ("expire", "expired", "Force-expired"), "-f": ("expire_release", "expired", "Force-expired")}
ORDER = ("-d", "-e", "-f", "-h", "-H", "-r")
QUEUES = frozenset(NAMES.values())
SILENT = frozenset({"maildrop", "bounce", "defer", "trace", "flush", "saved"})  # names that Postfix knows and we don't need
BATCH = 500


class Super:
    """One run of the command."""

    def __init__(self, config: Config, log: CommandLog, queues: list[str]) -> None:
        self.config, self.log = config, log
        self.queues = [name for name in queues if name in QUEUES]
        self.nowhere = bool(queues) and not self.queues     # in none of the queues that we have

    def work(self, option: str, ids: list[bytes] | None) -> None:
        """One option for these messages, None for all."""
        operation, done, total = WORK[option]
        held = self._on_hold(ids) if option == "-f" else 0
        count = 0 if self.nowhere else self._all(operation) if ids is None else self._each(operation, ids, done)
        self.total(total, count)
        if option == "-f":
            self.total(WORK["-H"][2], held)

    def total(self, what: str, count: int) -> None:
        """The line about all messages together."""
        self.log.info(f"{what}: {count} message{'' if count == 1 else 's'}")

    def _on_hold(self, ids: list[bytes] | None) -> int:
        """How many of the messages (None: all) are on hold."""
        if self.nowhere or self.queues and "hold" not in self.queues:
            return 0
        try:
            if ids is None:
                return sum(1 for row in Asked(self.config, "public/showq", "list") if row[0] == "hold")
            return sum(1 for name in set(ids) for row in Asked(self.config, "public/qmgr", "find", name) if row[0] == "hold")
        except Down:
            import pyfix.qmgr.admin  # noqa: F401 - _directly needs it, when root is given up and it may not be readable
            with own_store(self.config) as (store, _):
                held = {store.queue_id(slot) for slot in store.scan([HOLD], 0, 1 << 31)[0]}
            return len(held if ids is None else held.intersection(ids))

    def _all(self, operation: str) -> int:
        try:
            return Asked(self.config, "public/qmgr", "change_all", operation, self.queues).finish()
        except Down:
            return sum(1 for _ in self._directly(operation, None))

    def _each(self, operation: str, ids: list[bytes], done: str) -> int:
        count = 0
        for at in range(0, len(ids), BATCH):
            for name in self._changed(operation, ids[at:at + BATCH]):
                self.log.info(f"{name.decode()}: {done}")
                count += 1
        return count

    def _changed(self, operation: str, ids: list[bytes]) -> Iterator[bytes]:
        try:
            asked = Asked(self.config, "public/qmgr", "change", operation, ids, self.queues)
        except Down:
            yield from self._directly(operation, ids)
            return
        yield from asked
        if asked.text:
            raise Failure(asked.text)

    def _directly(self, operation: str, ids: list[bytes] | None) -> Iterator[bytes]:
        """The same on the queue itself."""
        from pyfix.qmgr.admin import STATES, Admin
        if operation == "requeue":
            raise Failure("the mail system is down: start it to requeue mail")
        with own_store(self.config) as (store, reader):
            admin: Any = Admin(Idle(store, reader), lambda: None, lambda slot, tell: None)
            states = {STATES[name] for name in self.queues} or set(NAMES)
            slots = store.scan(sorted(states), 0, 1 << 31)[0] if ids is None else [store.find(name) for name in ids]
            for slot in slots:
                name = store.queue_id(slot) if slot and store.state(slot) in states else b""
                if name and admin.operations[operation](slot):
                    yield name


class Idle:
    """A manager of a queue that nothing is delivered from."""

    def __init__(self, store: Any, reader: Any) -> None:
        self.store, self.reader, self.active, self.log = store, reader, {}, None

    def withdraw(self, slot: int, gone: bool) -> None:
        """Nothing is active."""


def wanted(value: str, stdin: TextIO, log: CommandLog) -> list[bytes] | None:
    """The queue ids that an option's value means: None for ALL, those on standard input for "-"."""
    if value == "ALL":
        return None
    names = [line.strip() for line in stdin if line.strip()] if value == "-" else [value]
    ids = []
    for name in names:
        if name.isascii() and name.isalnum() and len(name) < 100:
            ids.append(name.encode())
        else:
            log.warning(f"invalid mail queue id: {name}")
    return ids


def run(argv: list[str], stdin: TextIO) -> int:
    """The command. Raises Failure, PyfixError."""
    try:
        options, queues = getopt.getopt(argv, "c:d:e:f:h:H:pr:sSv")
    except getopt.GetoptError as error:
        print(complaint("postsuper", error), file=sys.stderr)
        raise Usage(USAGE) from None
    config = load(dict(options).get("-c", ""), absolute=True)
    if os.geteuid() not in (0, os.stat(config.queue_directory).st_uid):
        raise Failure("use of this command is reserved for the superuser")
    for name in queues:
        if name not in QUEUES | SILENT:
            raise Failure(f"invalid directory name: {name}")
    log = CommandLog(config, "postsuper")
    task = Super(config, log, queues)
    for option in ORDER:
        ids: list[bytes] = []
        for name, value in options:
            if name == option:
                some = wanted(value, stdin, log)
                if some is None:
                    task.work(option, None)
                else:
                    ids += some
        if any(name == option and value != "ALL" for name, value in options):
            task.work(option, ids)
    return 0


def main() -> int:
    """Entry point."""
    try:
        return run(sys.argv[1:], sys.stdin)
    except (Failure, PyfixError, OSError) as error:
        return fatal("postsuper", str(error))


if __name__ == "__main__":
    sys.exit(main())
