"""sendmail -bs: an SMTP dialogue on standard input and output, for a local user.

Law: sendmail(1) "-bs", RFC 5321; reply texts are those of smtpd(8). There is no access control, as the caller could submit
the same mail without it. End of data is CRLF . CRLF and nothing else; a bare LF ends a line, and never the data.
"""

import os
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from pyfix._core.address import parse_path
from pyfix._core.command import tokens
from pyfix.commands.common import Failure
from pyfix.commands.submit import submit
from pyfix.ipc.submission import Submission, Submitted

LINE_LIMIT = 2048
ERRORS = 20                 # smtpd_hard_error_limit


class Dialogue:
    """One session."""

    def __init__(self, config: Any, user: str, source: BinaryIO, target: BinaryIO) -> None:
        self.config, self.user, self.source, self.target = config, user, source, target
        self.greeted = False
        self.errors = 0
        self.message: Submission | None = None
        self.verbs: dict[bytes, Callable[[list[bytes]], bool]] = {
            b"HELO": self.helo, b"EHLO": self.ehlo, b"MAIL": self.mail, b"RCPT": self.rcpt, b"DATA": self.data,
            b"RSET": self.rset, b"NOOP": self.noop, b"VRFY": self.vrfy, b"QUIT": self.quit}

    def reply(self, text: str) -> bool:
        """Answer; True: the session goes on."""
        self.target.write(text.encode("utf-8", "replace") + b"\r\n")
        self.target.flush()
        if text[0] in "45":
            self.errors += 1
        return True

    def run(self) -> int:
        """The whole session; the exit status."""
        self.reply(f"220 {self.config['smtpd_banner']}")
        while self.errors <= ERRORS:
            line = self.source.readline(LINE_LIMIT + 1)
            if not line.endswith(b"\n"):
                if not line:
                    return 0
                self.skip_line()
                self.reply("500 5.5.2 Error: line too long")
                continue
            if not self.command(line.rstrip(b"\r\n")):
                return 0
        self.reply(f"421 4.7.0 {self.config.myhostname} Error: too many errors")
        return 0

    def skip_line(self) -> None:
        """Read on to the end of an overlong line."""
        while (line := self.source.readline(65536)) and not line.endswith(b"\n"):
            pass

    def command(self, line: bytes) -> bool:
        """One command line; False ends the session."""
        words = [word for _, word in tokens(line)]
        verb = self.verbs.get(words[0].upper()) if words else None
        if verb is None:
            return self.reply("500 5.5.2 Error: bad syntax" if not words else "502 5.5.2 Error: command not recognized")
        return verb(words[1:])

    # -- verbs ----------------------------------------------------------------------------

    def helo(self, words: list[bytes]) -> bool:
        """HELO."""
        if len(words) != 1:
            return self.reply("501 Syntax: HELO hostname")
        self.greeted, self.message = True, None
        return self.reply(f"250 {self.config.myhostname}")

    def ehlo(self, words: list[bytes]) -> bool:
        """EHLO, with what a local dialogue offers."""
        if len(words) != 1:
            return self.reply("501 Syntax: EHLO hostname")
        self.greeted, self.message = True, None
        offers = [self.config.myhostname, "PIPELINING", f"SIZE {self.config.message_size_limit}", "VRFY",
                  "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8"]
        return all([self.reply(f"250{'-' if offer != offers[-1] else ' '}{offer}") for offer in offers])

    def mail(self, words: list[bytes]) -> bool:
        """MAIL FROM:<sender> with SIZE=, BODY=, SMTPUTF8 taken as they are."""
        if not self.greeted:
            return self.reply("503 5.5.1 Error: send HELO/EHLO first")
        if self.message is not None:
            return self.reply("503 5.5.1 Error: nested MAIL command")
        sender = self.path(words, b"FROM:", allow_empty=True)
        if sender is None:
            return self.reply("501 5.5.4 Syntax: MAIL FROM:<address>")
        self.message = Submission(sender)
        return self.reply("250 2.1.0 Ok")

    def rcpt(self, words: list[bytes]) -> bool:
        """RCPT TO:<recipient>."""
        if self.message is None:
            return self.reply("503 5.5.1 Error: need MAIL command")
        recipient = self.path(words, b"TO:", allow_empty=False)
        if recipient is None:
            return self.reply("501 5.5.4 Syntax: RCPT TO:<address>")
        if len(self.message.recipients) >= self.config.smtpd_recipient_limit:
            return self.reply("452 4.5.3 Error: too many recipients")
        self.message.recipients.append(Submitted(recipient))
        return self.reply("250 2.1.5 Ok")

    def path(self, words: list[bytes], lead: bytes, allow_empty: bool) -> bytes | None:
        """The address behind FROM: or TO:, None where it is malformed."""
        if len(words) < 2 or words[0].upper() != lead:
            return None
        return parse_path(words[1], False, allow_empty)[0]

    def data(self, words: list[bytes]) -> bool:
        """DATA: take the content, submit, answer what became of it."""
        message = self.message
        if message is None:
            return self.reply("503 5.5.1 Error: need RCPT command")
        if not message.recipients:
            return self.reply("554 5.5.1 Error: no valid recipients")
        self.reply("354 End data with <CR><LF>.<CR><LF>")
        content = self.content()
        if content is None:
            return False
        self.message = None
        try:
            answer = submit(self.config, message, content)
        except Failure as error:
            text = str(error)
            return self.reply(text if text[:1] in "45" and text[3:4] == " " else
                              f"552 5.3.4 Error: {text}" if "too big" in text else f"451 4.3.0 Error: {text}")
        return self.reply(answer or "250 2.0.0 Ok")

    def content(self) -> bytes | None:
        """The content up to CRLF . CRLF; None where input ends before."""
        pieces, previous, size, limit = [], b"\r\n", 0, self.config.message_size_limit
        while line := self.source.readline(65536):
            at_start, after_crlf = previous.endswith(b"\n"), previous.endswith(b"\r\n")
            previous = line
            if at_start and line == b".\r\n" and after_crlf:
                return b"".join(pieces)
            if at_start and line in (b".\r\n", b".\n"):
                continue                                # smtpd_forbid_bare_newline = normalize
            line = line[1:] if at_start and line[:1] == b"." else line
            size += len(line)
            if not limit or size <= limit + 65536:      # more is not kept: submit says that it is too big
                pieces.append(line)
        return None

    def rset(self, words: list[bytes]) -> bool:
        """RSET."""
        self.message = None
        return self.reply("250 2.0.0 Ok")

    def noop(self, words: list[bytes]) -> bool:
        """NOOP."""
        return self.reply("250 2.0.0 Ok")

    def vrfy(self, words: list[bytes]) -> bool:
        """VRFY: nothing is verified here."""
        return self.reply("252 2.0.0 " + b" ".join(words).decode("utf-8", "replace") if words
                          else "501 5.5.4 Syntax: VRFY address [SMTPUTF8]")

    def quit(self, words: list[bytes]) -> bool:
        """QUIT."""
        self.reply("221 2.0.0 Bye")
        return False


def serve(config: Any, user: str, check_user: Callable[[], None]) -> int:
    """Serve on standard input and output; the exit status. Raises Failure where the user may not submit mail."""
    check_user()
    try:
        return Dialogue(config, user, sys.stdin.buffer, sys.stdout.buffer).run()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)        # the caller left; nothing can be said any more
        return 0
