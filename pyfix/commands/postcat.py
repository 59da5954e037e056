"""postcat: show what is in a queued message. Manual page: postcat(1).

Reads Postfix's queue files by name; with -q a message of pyfix's queue by its queue id, shown as
the same records. Sections: envelope (-e), header (-h), body (-b); all three without any of them.
"""

import getopt
import os
import sys
import time
from typing import BinaryIO

from pyfix.commands.common import Failure, complaint, fatal
from pyfix.commands.records import NAMES, Damaged, Record, read
from pyfix.commands.stored import stored_records
from pyfix.config import Config
from pyfix.errors import PyfixError

USAGE = ("usage: postcat [-b (body text)] [-c config_dir] [-d (decimal record type)] [-e (envelope records)] "
         "[-h (header text)] [-q (access queue)] [-v] [file(s)...]")
CONTENT = "NL"
HIDDEN = "pw"           # shown with -v only
TIMES = "Tc"


class Shown:
    """The options, and where the output goes."""

    def __init__(self, flags: set[str], out: BinaryIO) -> None:
        self.out = out
        self.decimal, self.offsets = "-d" in flags, "-o" in flags
        self.verbose, self.raw, self.named = "-v" in flags, "-r" in flags, "-f" in flags
        self.name = b""
        wanted = flags & {"-b", "-e", "-h"}
        self.body, self.envelope, self.header = ("-b" in wanted or not wanted, "-e" in wanted or not wanted,
                                                 "-h" in wanted or not wanted)

    def line(self, record: Record, text: bytes, end: bytes = b"\n") -> None:
        """One line of output with what -o and -d put before it."""
        if self.named:
            self.out.write(self.name + b": ")
        if self.offsets:
            self.out.write(b"%9d " % record.offset)
        if self.decimal:
            self.out.write(b"%3d " % ord(record.type))
        self.out.write(text + end)


def header_like(text: bytes) -> bool:
    """Does the text begin with a header field's name and a colon?"""
    name, colon, _ = text.partition(b":")
    return bool(colon) and bool(name.rstrip(b" \t")) and all(32 < byte < 127 for byte in name.rstrip(b" \t"))


class Printer:
    """Prints the records of one file. `name` is what the section lines call it."""

    def __init__(self, shown: Shown, name: str) -> None:
        self.shown, self.name = shown, name.encode("utf-8", "surrogateescape")
        self.shown.name = self.name
        self.segment = "envelope"
        self.continued = False      # the record before was a part of the same line
        self.first = True
        if shown.envelope:
            shown.out.write(b"*** ENVELOPE RECORDS " + self.name + b" ***\n")

    def marker(self, record: Record, text: bytes) -> None:
        if self.shown.envelope:
            self.shown.line(record, b"*** " + text + b" " + self.name + b" ***")

    def print(self, record: Record) -> bool:
        """Show one record if it is asked for; False after the end record."""
        kind = record.type
        if kind == "M":
            self.marker(record, b"MESSAGE CONTENTS")
            self.segment = "header"
        elif kind == "X":
            self.marker(record, b"HEADER EXTRACTED")
            self.segment = "extracted"
        elif kind == "E":
            self.marker(record, b"MESSAGE FILE END")
            return False
        elif kind in CONTENT and self.segment in ("header", "body"):
            self.content(record)
        elif kind not in HIDDEN or self.shown.verbose:
            self.other(record)
        return True

    def content(self, record: Record) -> None:
        """A line, or a piece of a long line, of the message."""
        if self.segment == "header" and not self.continued:
            if not header_like(record.data) and not (not self.first and record.data[:1] in (b" ", b"\t")):
                self.segment = "body"
        self.first = False
        wanted = self.shown.header if self.segment == "header" else self.shown.body
        if wanted:
            end = b"" if record.type == "L" and not self.shown.verbose else b"\n"
            if self.continued and not self.shown.verbose:
                self.shown.out.write(record.data + end)
            else:
                label = b"regular_text: " if self.shown.verbose else b""
                self.shown.line(record, label + record.data, end)
        self.continued = record.type == "L"

    def other(self, record: Record) -> None:
        """A record of the envelope or of what was extracted from the header."""
        if self.segment in ("header", "body"):
            if not (self.shown.header if self.segment == "header" else self.shown.body):
                return
        elif not self.shown.envelope:
            return
        name = NAMES.get(record.type, "unknown_record_type").encode()
        data = record.data
        if record.type in TIMES or record.type == "A" and data.startswith(b"create_time="):
            name = b"create_time" if record.type == "A" else name
            data = ctime(data.rpartition(b"=")[2])
        self.shown.line(record, name + b": " + data)


def ctime(text: bytes) -> bytes:
    """A time record (seconds, maybe microseconds) as ctime(3) writes it; what is no time stays as it is."""
    digits = text.split()[:1]
    if not digits or not digits[0].isdigit() or len(digits[0]) > 12:
        return text
    return time.asctime(time.localtime(int(digits[0]))).encode()


def show_file(shown: Shown, data: bytes, name: str, offset: int) -> None:
    """Print a Postfix queue file. Raises Damaged."""
    printer, steps, start = Printer(shown, name), 0, None
    if offset:
        printer.segment = "header"
    while (record := read(data, offset)) is not None:
        first = offset if start is None else start
        offset, start = record.end, None
        jump = int(record.data) if record.type == "p" and record.data.strip().isdigit() and not shown.raw else 0
        if jump:
            offset = jump
        if record.type in HIDDEN and not shown.verbose:
            start = first
            steps += 1
            if steps > len(data):
                raise Damaged("pointer loop")
            continue
        if steps == 0 and not printer.first and record.type not in NAMES:
            raise Damaged("input is not a valid queue file")
        if not printer.print(record._replace(offset=first)):
            return
        steps += 1
        if steps > len(data):
            raise Damaged("pointer loop")


def show_stored(shown: Shown, config: Config, queue_id: str) -> None:
    """Print a message of our own queue."""
    queue, rows = stored_records(config, queue_id)
    printer = Printer(shown, f"{queue}/{queue_id}")
    for record in rows:
        if record.type not in HIDDEN or shown.verbose:
            printer.print(record)


def run(argv: list[str], stdin: BinaryIO, out: BinaryIO) -> int:
    """The command; its exit status. Raises Failure, PyfixError."""
    try:
        options, names = getopt.getopt(argv, "bc:defhnoqrs:v")
    except getopt.GetoptError as error:
        print(complaint("postcat", error), file=sys.stderr)
        raise Failure(USAGE) from None
    flags, values = {name for name, _ in options}, dict(options)
    config = Config.load(values.get("-c", ""))
    shown = Shown(flags, out)
    offset = values.get("-s", "0")
    if not (offset.isascii() and offset.isdigit()):
        raise Failure(f"bad offset: {offset}")
    for name in names:
        if "-q" in flags:
            show_stored(shown, config, name)
        else:
            one(shown, open_named(name), name, int(offset))
    if not names:
        one(shown, stdin, "stdin", int(offset))
    return 0


def open_named(name: str) -> BinaryIO:
    """Open a file by the name given. Raises Failure."""
    try:
        return open(name, "rb")
    except OSError as error:
        raise Failure(f"open {name}: {error.strerror}") from None


def one(shown: Shown, file: BinaryIO, name: str, offset: int) -> None:
    """Print one file; what is no queue file gives a warning."""
    with file:
        data = file.read()
    try:
        if data[:1] not in (b"C", b"") and not offset:
            raise Damaged("input is not a valid queue file")
        if data:
            show_file(shown, data, name, offset)
    except Damaged as error:
        shown.out.flush()
        print(f"postcat: warning: {name}: {error}", file=sys.stderr)


def main() -> int:
    """Entry point."""
    try:
        status = run(sys.argv[1:], sys.stdin.buffer, sys.stdout.buffer)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except (Failure, PyfixError, OSError) as error:
        sys.stdout.flush()
        return fatal("postcat", str(error))


if __name__ == "__main__":
    sys.exit(main())
