"""Postfix's own vectors for the MIME parser and for header and body checks; skipped where the peer kit is absent."""

import json
import re

import pytest

from pyfix._core import mime
from pyfix.cleanup.checks import TROUBLE, Checker
from pyfix.deliver.downgrade import Downgrade
from pyfix.filters.checks import table_number
from pyfix.maps import MapList
from tests.kit.peer import KIT

MIME, CHECKS = KIT / "function/mime", KIT / "function/header_body_checks"
CLASSES = ("MAIN", "MULT", "NEST")
SHORT = {mime.HEADER_8BIT: "improper use of 8-bit data in message header", mime.NESTING: "MIME nesting exceeds safety limit",
         mime.BODY_8BIT: "improper use of 8-bit data in message body",
         mime.HEADER_LENGTH: "message header length exceeds safety limit",
         mime.DOMAIN: "invalid message/* or multipart/* encoding domain"}
SUMMED_UP = {mime.DOMAIN: b"improper message/* or multipart/* encoding domain"}      # at the end the driver says it in other words
pytestmark = pytest.mark.skipif(not CHECKS.exists(), reason="the peer kit is not here")


class Printer:
    """A sink that writes what the peer's driver prints."""

    def __init__(self, name):
        self.lines, self.name = [], name

    def header(self, kind, text, offset):
        self.lines.append(f"{CLASSES[kind]} {offset}\t|{text.decode('latin-1')}")

    def header_end(self):
        self.lines.append("HEADER END")

    def body(self, text, more, offset):
        self.lines.append(f"BODY {'L' if more else 'N'} {offset}\t|{text.decode('latin-1')}")

    def trouble(self, kind, text):
        shown = "".join(chr(c) if 32 <= c < 127 else "?" for c in text[:100])
        self.lines.append(f"{self.name}: warning: {SHORT[kind]}: {shown}")


def feed(state, data):
    """Physical lines of at most 1024 bytes."""
    for line in data.removesuffix(b"\n").split(b"\n"):
        while len(line) > 1024:
            state.line(line[:1024], True)
            line = line[1024:]
        state.line(line, False)


def general(state, name):
    return [f"{name}: warning: {(TROUBLE | SUMMED_UP)[kind].decode()}" for kind in
            (mime.NESTING, mime.HEADER_LENGTH, mime.HEADER_8BIT, mime.BODY_8BIT, mime.DOMAIN) if state.errors & kind]


@pytest.mark.parametrize("case", ["test", "dom", "trunc", "garb1", "garb4", "8bit"])
def test_the_structure_of_a_message(case):
    printer = Printer("mime_state")
    state = mime.MimeState(printer, 2000, 20, 2000)
    feed(state, (MIME / f"mime_{case}.in").read_bytes())
    state.finish()
    got = printer.lines + ["BODY END"] + general(state, "mime_state")
    want = (MIME / f"mime_{case}.ref").read_text("latin-1").split("\n")
    kept = [line for line in want if not line.startswith("mime_state: ") or line.startswith("mime_state: warning")]
    assert "\n".join(got).split("\n") == "\n".join(kept).removesuffix("\n").split("\n")


class Log:
    def __init__(self, lines):
        self.lines = lines

    def info(self, line):
        self.lines.append(line.decode("latin-1"))


class Sink(Checker):
    """The Checker, writing as the peer's driver does."""

    def __init__(self, tables, lines):
        self.lines, self.tables, self.number, self.active = lines, tables, -1, True
        self.hops = self.flags = 0

    def tell(self, action, what, text, argument=b""):
        shown = "".join(chr(c) if 32 <= c < 127 else "?" for c in text)
        self.lines.append(f"header_body_checks: test-queueID: {action}: {what} {shown}"
                          + (f": {argument.decode()}" if argument else ""))

    def out(self, data):
        self.lines.append(data.decode("latin-1").removesuffix("\r\n"))

    def judged(self, number, what, text, shown):
        self.number += 1
        kept = self.judge(self.tables[number], "x", what, text) if text else text
        if kept is not None:
            self.lines.append(f"{self.number} {shown}\t|{kept.decode('latin-1')}")

    def header(self, kind, text, offset):
        number = table_number(kind, text)
        self.judged(number, "header", text, f"{CLASSES[kind]} {offset}")

    def body(self, text, more, offset):
        self.judged(3, "body", text, f"BODY {'L' if more else 'N'} {offset}")

    def header_end(self):
        self.lines.append("HEADER END")

    def trouble(self, kind, text):
        self.lines.append(f"header_body_checks: warning: {SHORT[kind]}: {text.decode()}")


@pytest.mark.parametrize("case", json.loads((CHECKS / "index.json").read_text())["vectors"] if CHECKS.exists() else [],
                         ids=lambda case: case["name"])
def test_what_the_actions_do(case, tmp_path, monkeypatch):
    for name, text in case["files"].items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    lines = []
    sink = Sink([MapList(spec) for spec in case["checks"]], lines)
    state = mime.MimeState(sink, 2000, 20, 2000)
    feed(state, (CHECKS / case["in"]).read_bytes())
    state.finish()
    got = lines + ["BODY END"] + general(state, "header_body_checks")
    want = (CHECKS / case["ref"]).read_text("latin-1").removesuffix("\n")
    assert "\n".join(got) == want


def test_conversion_to_quoted_printable():
    """What the smtp client sends to a server without 8BITMIME; offsets count the bytes of the converted body."""
    text = (MIME / "mime_cvt.in").read_bytes()
    state = Downgrade()
    got = (state.feed(text.replace(b"\n", b"\r\n")) + state.finish()).replace(b"\r\n", b"\n").decode("latin-1")
    head, _, body = got.partition("\n\n")
    lines, at = [f"MAIN |{line}" for line in head.split("\n")] + ["HEADER END", "BODY N 0\t|"], 1
    for line in body.removesuffix("\n").split("\n"):
        lines.append(f"BODY N {at}\t|{line}")
        at += len(line) + 1
    want = (MIME / "mime_cvt.ref").read_text("latin-1").split("\n")
    kept = [re.sub(r"^MAIN \d+\t", "MAIN ", line) for line in want if not line.startswith("mime_state: ")]
    assert "\n".join(lines + ["BODY END"]) == "\n".join(kept).rstrip("\n")
