"""The peer's vectors for changes that milters ask for. What is compared is the message: sender, recipients, headers, body, and log
lines; the peer's files have pointers and places of records besides, which here there are none of.
"""

import re
import shlex
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from pyfix.cleanup import milterchecks
from pyfix.cleanup.edits import Edits
from pyfix.cleanup.milterchecks import MilterChecks
from pyfix.commands.records import NAMES, records
from pyfix.config import Config
from pyfix.maps import MapList
from pyfix.message import Recipient
from tests.kit.peer import KIT, octets, vectors

HERE = KIT / "function/queue_file_edit"
CASES = vectors("queue_file_edit", "index")["vectors"]
KNOWN = {"header_checks", "sender_bcc_maps", "enable_original_recipient", "line_length_limit", "verbose", "open", "close"}
#: what the peer's message has and ours has not: a control character in ORCPT is refused (docs/compatibility.md)
WITHOUT = {"test13l": b"rfc822;two\tbb", "test13m": b"utf-8;two\tbb"}


class Message(NamedTuple):
    """What a queue file says."""

    sender: bytes
    ret: int
    envid: bytes
    recipients: list
    actions: dict
    headers: list
    body: list


def message(rows):
    """A Message from (record's name, its text), in reading order."""
    values, pending, recipients, lines, part, actions = {}, {}, [], [], "envelope", {}
    for kind, text in rows:
        if kind == "*":
            part = text
        elif part == "content":
            if kind in ("regular_text", "unterminated_text", ""):
                lines.append(text)
        elif kind == "named_attribute":
            name, _, value = text.partition(b"=")
            (pending if name in (b"notify_flags", b"dsn_orig_rcpt") else values)[name.decode()] = value
        elif kind == "original_recipient":
            pending["original"] = text
        elif kind in ("recipient", "canceled_recipient"):
            if kind == "recipient":
                recipients.append((text, pending.get("original") or text, pending.get("dsn_orig_rcpt", b""), int(pending.get("notify_flags", 0))))
            pending = {}
        elif kind == "sender":
            values["sender"] = text
        elif kind in ("content_filter", "redirect_to"):
            actions[{"content_filter": "filter", "redirect_to": "redirect"}[kind]] = text
    headers, at = [], 0
    while at < len(lines) and lines[at]:
        if lines[at][:1] in b" \t":
            headers[-1] += b"\n" + lines[at]
        else:
            headers.append(lines[at])
        at += 1
    return Message(values["sender"], int(values.get("ret_flags", 0)), values.get("envelope_id", b""), sorted(recipients), actions, headers, lines[at + 1:])


def from_file(path):
    """The rows of a queue file."""
    part = "envelope"
    for record in records(path.read_bytes()):
        if record.type in "MXE":
            part = {"M": "content", "X": "extracted", "E": "end"}[record.type]
            yield "*", part
        else:
            yield "regular_text" if part == "content" and record.type == "L" else NAMES.get(record.type, record.type), record.data


def from_text(text):
    """The rows of what postcat printed, with or without offsets."""
    part, bare = "envelope", not re.search(rb"^ +\d+ ", text, re.M)
    for line in text.split(b"\n")[:-1]:
        line = line if bare else re.sub(rb"^ *\d+ ", b"", line)
        if found := re.match(rb"\*\*\* ([A-Z ]+) ", line):
            part = {b"ENVELOPE RECORDS": "envelope", b"MESSAGE CONTENTS": "content", b"HEADER EXTRACTED": "extracted"}.get(found[1], "end")
            yield "*", part
        elif bare and part == "content":
            yield "", line
        else:
            name, _, value = line.partition(b": ")
            yield name.decode(), value


def play(edits, command, words):
    """One command of a script."""
    index = int(words.pop(0)) if command in ("ins_header", "upd_header", "del_header") else 0
    arguments = [octets(word) for word in words]
    header = (arguments[0], b" ".join(arguments[1:])) if arguments else ()
    if command == "replbody":
        edits.begin_body()
        edits.replace_body((HERE / words[0]).read_bytes().replace(b"\n", b"\r\n"))
    elif command in ("add_rcpt_par", "chg_from"):
        {"add_rcpt_par": edits.add_recipient, "chg_from": edits.change_sender}[command](arguments[0], b" ".join(arguments[1:]).strip(b"{} "))
    elif command in ("add_rcpt", "del_rcpt"):
        {"add_rcpt": edits.add_recipient, "del_rcpt": edits.delete_recipient}[command](arguments[0])
    elif command == "del_header":
        edits.delete_header(index, header[0])
    else:
        {"add_header": edits.add_header, "ins_header": lambda *one: edits.insert_header(index, *one),
         "upd_header": lambda *one: edits.change_header(index, *one)}[command](*header)


class Stand:
    """What the checks need of a message that comes in."""

    def __init__(self):
        self.lines, self.actions, self.error, self.reply, self.queue_id = [], None, "", None, b"NOQUEUE"
        self.origin = SimpleNamespace(described="client_name[client_addr]", attributes={})

    def info(self, line):
        self.lines.append(line.decode())

    def warning(self, text):
        raise AssertionError(text)

    def ends(self):
        """What the peer's test program prints of a message's state at the end."""
        if self.reply:
            return ["errs = message content rejected"]
        actions = self.actions or {}
        names = ["discard_message"] if "discard" in actions else [] if "redirect" in actions else [
            "enable_header_body_filter", *(["hold_message"] if "hold" in actions else []), "enable_milters"]
        return [f"flags = {' '.join(names)}"] if names else []


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_peer(case, monkeypatch):
    monkeypatch.setattr(milterchecks, "addresses", lambda intake: b"from=<sender> to=<recipient>")
    monkeypatch.chdir(HERE)
    before = message(from_file(HERE / case["file"]))
    stand, bcc, told = Stand(), {}, []
    edits = Edits(before.sender, [Recipient(to, b"" if to == first else first, orcpt, notify) for to, first, orcpt, notify in before.recipients],
                  before.headers, told.append, bcc=lambda sender: bcc.get("address", b""))
    for line in (HERE / case["script"]).read_text().splitlines():
        command, *words = shlex.split(line, comments=True, posix=False) or ["open"]
        if command == "header_checks":
            edits._checks = MilterChecks(MapList(words[0], Config(".", {}), "milter_header_checks"), stand, stand)
        elif command == "sender_bcc_maps":
            bcc["address"] = octets(words[0].partition(":")[2])
        elif command == "enable_original_recipient":
            stand.lines += [] if words else ["enable_original_recipient: 0"]
        elif command not in KNOWN:
            play(edits, command, words)
    actions = {} if stand.reply else {name: value for name, value in (stand.actions or {}).items() if name in ("filter", "redirect")}
    after = Message(edits.sender, edits.ret or before.ret, edits.envid or before.envid,
                    sorted([(one.address, one.original or one.address, one.orcpt, one.notify) for one in edits.recipients]), actions,
                    edits.headers, before.body if edits.body is None else edits.body.split(b"\r\n")[:-1])
    for kind, name in case["checks"]:
        expected = (HERE / name).read_bytes()
        if kind == "log":
            assert stand.lines + stand.ends() == [line.removeprefix("./cleanup_milter: ") for line in expected.decode().splitlines()]
        else:
            wanted = message(from_text(expected))
            dropped = WITHOUT.get(case["name"], b"-")
            wanted.recipients[:] = sorted((to, first, b"" if orcpt == dropped else orcpt, notify) for to, first, orcpt, notify in wanted.recipients)
            assert after == wanted
