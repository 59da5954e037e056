"""What passes between client and core, where a configuration wants to change or keep it: smtpd_command_filter, footers,
transcripts for the postmaster, debug_peer_list.

The law: a Tap belongs to one session and is made only where Taps.wanted; the core shows it each command line
before it is read and each reply before it leaves (pyfix._core.tapped). A filter that fails ends the session
with 421, for nobody knows what it would have made of the command.
"""

from typing import Any

from pyfix import maps
from pyfix._core.chars import printable
from pyfix.errors import TableError
from pyfix.maps.maplist import Unopened
from pyfix.smtpd.footer import Footer
from pyfix.smtpd.notify import TRANSCRIPT, Transcript

SHOWN = 100


class Taps:
    """What one configuration wants of taps."""

    def __init__(self, config: Any, log: Any, censor: Any, watched: Any) -> None:
        self.log = log
        self.filter = opened(config, config["smtpd_command_filter"])
        self.filter_name = config["smtpd_command_filter"].encode()
        self.footer = Footer(config, log, censor)
        self.watched = watched
        self.wanted = bool(watched) or self.filter is not None or bool(self.footer) or bool(TRANSCRIPT & set(config.words("notify_classes")))


def opened(config: Any, spec: str) -> Any:
    """The table of that name, None for none; one that can't be opened fails when it is asked."""
    if not spec:
        return None
    try:
        return maps.open(spec, config)
    except TableError as error:
        return Unopened(spec, error.text)


class Tap:
    """One session's: `session` is asked for the client as it is at the time."""

    def __init__(self, taps: Taps, session: Any) -> None:
        self.taps, self.session = taps, session
        self.watched = False            # debug_peer_list has the client
        notices = session.server.notices
        self.transcript = Transcript(notices, self.client) if notices is not None and notices.wanted else None

    def client(self) -> bytes:
        """The client as the log names it."""
        return self.session.client.log_name

    def command(self, line: bytes) -> bytes | None:
        """The command to read in the place of `line`; None where that can't be known."""
        if self.watched:
            self.taps.watched.show(b"<", self.client(), line)
        if self.transcript is not None:
            self.transcript.heard(line)
        return self.filtered(line) if self.taps.filter is not None else line

    def filtered(self, line: bytes) -> bytes | None:
        """smtpd_command_filter."""
        taps = self.taps
        try:
            if not taps.filter.local:
                raise TableError("smtpd_command_filter", "a table that has to wait can't be used for commands")
            found = taps.filter.get(line.lstrip(b" \t"))
        except TableError as error:
            taps.log.warning(str(error).encode())
            taps.log.warning(b'%b lookup error for "%b"' % (taps.filter_name, printable(line[:SHOWN])))
            return None
        if found is None:
            return line
        taps.log.info(b'%b: replacing command "%b" with "%b"'
                      % (self.session.client.log_name, printable(line[:SHOWN]), printable(found[:SHOWN])))
        return found

    def replies(self, data: bytes) -> bytes:
        """Replies as they are to be sent, of those the core made: whole lines."""
        out, lines = [], []
        for line in data.split(b"\r\n")[:-1]:
            lines.append(line)
            if line[3:4] != b"-":
                out += self.reply(lines)
                lines = []
        return b"".join([line + b"\r\n" for line in [*out, *lines]])

    def reply(self, lines: list[bytes]) -> list[bytes]:
        """One reply."""
        if self.taps.footer and lines[0][:1] in (b"4", b"5"):
            lines = self.taps.footer.below(lines, self.session.address, self.session.port)
        if self.transcript is not None:
            self.transcript.said(lines)
        if self.watched:
            for line in lines:
                self.taps.watched.show(b">", self.client(), line)
        return lines

    def refused(self) -> None:
        """What comes next is policy's refusal."""
        if self.transcript is not None:
            self.transcript.decided = True

    def ended(self, reason: str) -> None:
        """The session is over."""
        if self.transcript is not None:
            self.transcript.flush(0, reason)
