"""postqueue: list the queue, try to deliver it. Manual page: postqueue(1). Also what `mailq` runs.

The listing is streamed: the first line of a queue of a million messages comes at once, and memory stays small.
"""

import getopt
import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from pyfix._core.address import quote
from pyfix.commands.common import Failure, complaint, fatal
from pyfix.commands.queued import Asked, Down, Usage, load, own_store
from pyfix.config import Config
from pyfix.errors import PyfixError, TableError

EX_UNAVAILABLE = 69
USAGE = "usage: postqueue -f | postqueue -i queueid | postqueue -j | postqueue -p | postqueue -s site"
DOWN = "Cannot flush mail queue - mail system is down"
SHORT = ("{:<11} {:>7} {:<20} {}", "-Queue ID- ", "--Size--", "----Arrival Time----", "-Sender/Recipient-------")
LONG = ("{:<17} {:>8} {:<19} {}", "----Queue ID-----", "--Size--", "---Arrival Time----", "--Sender/Recipient------")
REASON_WIDTH = 78
SHORT_COLUMN, LONG_COLUMN = 41, 47     # where recipients begin


def records(config: Config, program: str = "postqueue") -> Iterator[list[Any]]:
    """All messages, from qmgr or, while it is down, from the queue itself; `program` is who says so."""
    try:
        asked = Asked(config, "public/showq", "list")
    except Down as error:
        from pyfix.qmgr.admin import describe_all
        print(f"{program}: warning: Mail system is down -- accessing queue directly "
              f"(Connect to the Postfix showq service: {error})", file=sys.stderr)
        with own_store(config) as (store, reader):
            yield from describe_all(store, reader)
        return
    yield from asked
    if asked.text:
        raise Failure(asked.text)


def text_of(address: bytes) -> str:
    """An address in external form; the null sender is MAILER-DAEMON."""
    return quote(address).decode("utf-8", "replace") if address else "MAILER-DAEMON"


def printed(rows: Iterable[list[Any]], long_ids: bool, out: TextIO) -> None:
    """The listing of `postqueue -p`."""
    layout, *headings = LONG if long_ids else SHORT
    column = LONG_COLUMN if long_ids else SHORT_COLUMN
    count = octets = 0
    for queue, queue_id, arrival, size, forced, sender, recipients in rows:
        if not count:
            out.write(layout.format(*headings) + "\n")
        mark = {"active": "*", "hold": "!"}.get(queue, "")
        when = time.asctime(time.localtime(arrival))[:20 if not long_ids else 19]
        out.write(layout.format(queue_id.decode() + (mark or ("#" if forced else "")), size, when, text_of(sender)) + "\n")
        last = ""
        for address, reason in recipients:
            if reason and reason != last:
                out.write(f"({reason})".rjust(REASON_WIDTH) + "\n")
            last = reason
            out.write(" " * column + text_of(address) + "\n")
        out.write("\n")
        if not count:
            out.flush()
        count, octets = count + 1, octets + size
    if not count:
        out.write("Mail queue is empty\n")
    else:
        out.write(f"-- {octets // 1024} Kbytes in {count} Request{'s' if count > 1 else ''}.\n")


def as_json(rows: Iterable[list[Any]], out: TextIO) -> None:
    """One JSON object a line, as `postqueue -j`."""
    import json                 # for this option only
    for queue, queue_id, arrival, size, forced, sender, recipients in rows:
        people = [{"address": text_of(address), **({"delay_reason": reason} if reason else {})}
                  for address, reason in recipients]
        out.write(json.dumps({"queue_name": queue, "queue_id": queue_id.decode(), "arrival_time": arrival,
                              "message_size": size, "forced_expire": forced, "sender": text_of(sender),
                              "recipients": people}, ensure_ascii=False) + "\n")


def flush(config: Config, *request: Any) -> None:
    """Ask qmgr to try; Failure where it is down."""
    try:
        Asked(config, "public/qmgr", *request).finish()
    except Down:
        raise Failure(DOWN) from None


def run(argv: list[str], out: TextIO) -> int:
    """The command. Raises Failure, PyfixError."""
    try:
        options, rest = getopt.getopt(argv, "c:fi:jps:v")
    except getopt.GetoptError as error:
        print(complaint("postqueue", error), file=sys.stderr)
        raise Usage(USAGE) from None
    modes = [(name, value) for name, value in options if name not in ("-c", "-v")]
    if len(modes) != 1 or rest:
        raise Usage(USAGE)
    config = load(dict(options).get("-c", ""))
    mode, value = modes[0]
    if mode in "-p-j":
        rows = records(config)
        as_json(rows, out) if mode == "-j" else printed(rows, config["enable_long_queue_ids"] == "yes", out)
    elif mode == "-f":
        flush(config, "flush")
    elif mode == "-i":
        flush(config, "flush_id", queue_id(value))
    else:
        flush(config, "flush_site", site(config, value))
    return 0


def site(config: Config, name: str) -> str:
    """A destination as -s takes it: a host name or an address literal, in fast_flush_domains. Raises Failure."""
    import asyncio              # for this option only: a listing starts faster

    from pyfix.resolve.matchlist import MatchList
    from pyfix.resolve.site import is_site
    if not is_site(name.encode("utf-8", "surrogateescape")):
        raise Failure(f'Cannot flush mail queue - invalid destination: "{name[:100]}"')
    try:
        served = asyncio.run(MatchList(config, "fast_flush_domains", "domain").lookup(name.encode("utf-8", "surrogateescape")))
    except TableError:
        raise Failure(DOWN) from None
    if not served:
        raise Failure(f'Flush service is not configured for destination "{name[:100]}"')
    return name


def queue_id(name: str) -> bytes:
    """A message's name as -i takes it. Raises Failure."""
    if not name or not name.isascii() or not name.replace("_", "").isalnum():
        raise Failure(f'Cannot flush queue ID - invalid name: "{name[:100]}"')
    return name.encode()


def main() -> int:
    """Entry point."""
    try:
        status = run(sys.argv[1:], sys.stdout)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except (Failure, PyfixError, OSError) as error:
        sys.stdout.flush()
        return fatal("postqueue", str(error), getattr(error, "status", EX_UNAVAILABLE))


if __name__ == "__main__":
    sys.exit(main())
