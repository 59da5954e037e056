"""Transcripts of outgoing sessions in which a server broke the protocol, for the postmaster. Law: smtp(8), postconf(5) notify_classes.

Only with the class `protocol` in notify_classes is a session recorded at all. The agent has no way into the queue: the text
goes to qmgr (ipc.messages.NOTICE), which sends it from the double bounce address, so that it never makes another one. What a peer had
a hand in begins with a blank and prints.
"""

import textwrap
from collections import deque
from collections.abc import Callable
from typing import Any

from pyfix._core.chars import printable

MOST_LINES, LONGEST = 1000, 512
WIDTH, INDENT = 78, "    "
GREETING, DOT = b"GREETING", b"."


class Notices:
    """Sends transcripts under one configuration: `post(subject, text)`. False where nobody wants them."""

    def __init__(self, config: Any, program: str, post: Callable[[str, str], object]) -> None:
        self.wanted = "protocol" in config.words("notify_classes")
        self.title = f"{config['mail_name']} {program.upper()} client: errors from "
        self.post = post

    def __bool__(self) -> bool:
        return self.wanted

    def send(self, server: str, lines: list[bytes]) -> None:
        """Reports one session; `lines` are "In:  ..." and "Out: ..."."""
        text = [piece for line in lines for piece in wrapped(line)]
        body = [f"Unexpected response from {server}.", "", "Transcript of session follows.", "", *text, "",
                "For other details, see the local mail logfile"]
        self.post(self.title + server, "".join(line + "\r\n" for line in body))


class Tap:
    """One session's transcript. `server` as relay= has it."""

    def __init__(self, notices: Notices, server: str) -> None:
        self.notices, self.server = notices, server
        self.lines: list[bytes] = []
        self.asked: deque[bytes] = deque([GREETING])        # what the replies to come are about
        self.rest, self.broken = b"", False

    def said(self, data: bytes) -> None:
        """Commands of ours."""
        for line in data.split(b"\r\n")[:-1]:
            self.add(b"Out: " + line)
            self.asked.append(line[:4].upper())

    def heard(self, data: bytes) -> None:
        """Bytes of the server's."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        self.rest = self.rest[:LONGEST]
        for line in lines:
            line = line.rstrip(b"\r")
            self.add(b"In:  " + line)
            if not (line[:3].isdigit() and line[3:4] in (b"", b" ", b"-")):
                self.broken = True
            elif line[3:4] != b"-":
                self.reply(int(line[:3]), self.asked.popleft() if self.asked else b"")

    def reply(self, code: int, about: bytes) -> None:
        """A whole reply: 50x and 555 say that we don't speak the same language, and so do codes that answer no question."""
        if about == b"DATA" and code // 100 == 3:
            self.add(b"Out: .")
            self.asked.appendleft(DOT)
        elif about != b"EHLO" and (500 <= code <= 509 or code == 555 or code >= 600 or code < 200 or code // 100 == 3):
            self.broken = True
        elif about == b"DATA" and code // 100 == 2:
            self.broken = True

    def add(self, line: bytes) -> None:
        """One line; there is an end to them."""
        if len(self.lines) < MOST_LINES:
            self.lines.append(line[:LONGEST])

    def ended(self) -> None:
        """The session is over."""
        if self.broken:
            self.notices.send(self.server, self.lines)


def wrapped(line: bytes) -> list[str]:
    """A line of the transcript as the notice has it: one blank before it, long ones folded."""
    pieces = textwrap.wrap(printable(line).decode("utf-8", "replace"), WIDTH, subsequent_indent=INDENT, break_long_words=False,
                           break_on_hyphens=False)
    return [" " + piece for piece in pieces] or [" "]
