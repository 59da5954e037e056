"""message_reject_characters and message_strip_characters: bytes that content may not have, or is relieved of.

Law: postconf(5), cleanup(8). They are looked for in content as it comes, before header and body checks and without decoding; the ends of
lines are no content. Where neither is set, nothing here runs.
"""

import re
from collections.abc import Callable
from typing import Any

from pyfix.access.expansion import unescape
from pyfix.cleanup.checks import Checker, Checks
from pyfix.model import HAS_DOT_LINE, Reply

REFUSAL = Reply(550, "5.7.1", "disallowed character")
END = b"\r\n"


def checks_of(config: Any, log: Any) -> Checks | None:
    """The checks of content that a configuration asks for; None where it asks for none."""
    if config["message_reject_characters"] or config["message_strip_characters"]:
        return CharacterChecks(config, log)
    return Checks.of(config, log)


def characters(text: str) -> bytes:
    """The bytes that a parameter's C escapes stand for; a newline ends a line, and so is none."""
    return unescape(text.encode("utf-8", "surrogateescape").decode("latin-1")).encode("latin-1").replace(b"\n", b"")


def finder(wanted: bytes) -> re.Pattern[bytes]:
    """What finds any of some bytes."""
    return re.compile(b"[" + re.escape(wanted) + b"]" if wanted else b"(?!)")


class CharacterChecks(Checks):
    """Checks of a configuration that has unwanted characters: `bad` finds a rejected one, `seen` any, `stripped` are removed."""

    def __init__(self, config: Any, log: Any) -> None:
        super().__init__(config, log)
        rejected, self.stripped = (characters(config[f"message_{what}_characters"]) for what in ("reject", "strip"))
        self.bad, self.seen = finder(rejected), finder(rejected + self.stripped)

    def begin(self, intake: Any, out: Callable[[bytes], None]) -> Checker:
        """The checks of one message; what is left of its content goes to `out`."""
        return CharacterChecker(self, intake, out)


class CharacterChecker(Checker):
    """A Checker that sees the content's characters first, a line at a time (of a longer one: line_length_limit bytes)."""

    def __init__(self, checks: CharacterChecks, intake: Any, out: Callable[[bytes], None]) -> None:
        super().__init__(checks, intake, out)
        self.sets = checks
        self.piece = max(checks.config.line_length_limit, 16)
        self.rest, self.continues = b"", False

    def feed(self, data: bytes) -> None:
        """The next bytes of content, CRLF line ends; the last line is kept until its end is seen."""
        lines, end, rest = (self.rest + data).rpartition(END)
        self.rest = rest
        if end:
            self.whole(lines + end)
        while len(self.rest) > self.piece + 1 and not self.intake.error:
            piece, self.rest = self.rest[:self.piece], self.rest[self.piece:]
            self.line(piece, b"")

    def finish(self) -> None:
        """All content is here."""
        rest, self.rest = self.rest, b""
        if rest:
            self.line(rest, b"")
        if not self.intake.error:
            super().finish()

    def whole(self, lines: bytes) -> None:
        """Some lines with their ends; most have none of the characters."""
        if not self.continues and self.sets.seen.search(lines) is None:
            super().feed(lines)
            return
        for line in lines.split(END)[:-1]:
            pieces = [line[at:at + self.piece] for at in range(0, len(line), self.piece)] or [b""]
            for piece in pieces[:-1]:
                self.line(piece, b"")
            self.line(pieces[-1], END)

    def line(self, text: bytes, end: bytes) -> None:
        """A line with its end, or a piece of a longer one without."""
        if self.intake.error:
            return
        begins, self.continues = not self.continues, not end
        if self.active:
            if self.sets.bad.search(text):
                self.refuse(REFUSAL)
                self.tell("reject", "content", text.partition(b"\0")[0], b"5.7.1 disallowed character")
                return
            text = text.translate(None, self.sets.stripped)
            if begins and text.startswith(b"."):
                self.flags |= HAS_DOT_LINE
        super().feed(text + end)
