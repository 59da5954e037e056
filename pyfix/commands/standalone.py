"""sendmail -bs: an SMTP dialogue on standard input and output, for a local user.

Law: sendmail(1) "-bs", smtpd(8) "stand-alone mode", RFC 5321. The protocol is smtpd's own core, with its limits, replies
and log lines. There is no access control, as the caller could submit the same mail without it; who runs this as
mail_owner asks for that control, which only the running smtpd has, and is told so.
"""

import os
import select
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from pyfix._core.chars import printable
from pyfix._core.data import MemorySink
from pyfix._core.server import ServerCore
from pyfix.commands.common import Failure
from pyfix.commands.submit import submit
from pyfix.ipc.submission import Submission, Submitted
from pyfix.model import SMTPUTF8
from pyfix.access.networks import Networks
from pyfix.smtpd import wording
from pyfix.smtpd.settings import CommandList, Settings
from pyfix.telemetry.maillog import Maillog

CLIENT = b"localhost[127.0.0.1]"
ADDRESS = b"127.0.0.1"
NEWLINES_LEGACY = 0
NEUTERED = bytes.maketrans(b' <>()\\";@', b"?" * 9)
WITHOUT_ID = b"2.0.0 Ok"            # of a message that waits in maildrop


class Alone(Settings):
    """What of smtpd's settings counts where there is no policy."""

    standalone = True

    def __init__(self, config: Any, log: Maillog) -> None:
        config = config.override([("allow_min_user", "yes")])        # nothing is resolved here
        self.config, self.log, self.features = config, log, 0
        self.hostname, self.message_size = config["myhostname"].encode(), config.message_size_limit
        self.forbidden = CommandList(config, "smtpd_forbidden_commands", log.warning)
        self.ignored = CommandList(config, "smtpd_noop_commands", log.warning)
        self.limits = self.make_limits(config)
        self.read_ehlo(config)


class Dialogue:
    """One session between the descriptors `source` and `target`. It has the attributes that pyfix.smtpd.wording looks at."""

    def __init__(self, config: Any, log: Any, source: int, target: int) -> None:
        self.config, self.log, self.source, self.target = config, log, source, target
        self.settings = Alone(config, log)
        self.server = SimpleNamespace(info=log.info, warning=log.warning)
        self.client = SimpleNamespace(log_name=CLIENT)
        self.core = ServerCore(self.settings.limits)
        if Networks(config, "smtpd_forbid_bare_newline_exclusions").match(b"localhost", ADDRESS):
            self.core.newlines = NEWLINES_LEGACY
        self.intake: Any = None             # wording's: there is no queue id here
        self.helo: bytes | None = None
        self.sender: bytes | None = None
        self.message: Submission | None = None
        self.sink = MemorySink()
        self.closed = False
        self.events: dict[str, Callable[[], None]] = {
            "helo": self.on_helo, "mail": self.on_mail, "rcpt": self.on_rcpt, "data": self.on_data, "end": self.on_end,
            "vrfy": self.on_vrfy, "etrn": self.on_etrn, "reset": self.forget, "slow": self.slow, "close": self.close}

    def run(self) -> None:
        """The whole session."""
        self.log.info(b"connect from " + CLIENT)
        self.say(b"220 %b\r\n" % self.config["smtpd_banner"].encode())
        data = b""
        while not self.closed:
            more = self.read()
            if more is None:
                self.say(b"421 4.4.2 %b Error: timeout exceeded\r\n" % self.settings.hostname)
                self.ended("timeout")
            elif not more:
                self.ended("lost connection")
            else:
                data = self.feed(data + more)
        self.log.info(b"disconnect from " + CLIENT + self.core.counts().encode())

    def read(self) -> bytes | None:
        """Some input, b"" at its end, None when there is none for smtpd_timeout."""
        ready, _, _ = select.select([self.source], [], [], self.config.smtpd_timeout)
        return os.read(self.source, 65536) if ready else None

    def feed(self, data: bytes) -> bytes:
        """Act on what came; what the core has not used of it."""
        event = ""
        while event != "more" and not self.closed:
            event, used = self.core.feed(data)
            data = data[used:]
            for note in self.core.notes:
                wording.tell(self, *note)
            self.core.notes.clear()
            if event != "more":
                self.events.get(event, self.on_other)()
        self.put_out()
        return data

    def put_out(self) -> None:
        """Write the replies that have gathered."""
        self.say(self.core.out.take())

    def say(self, data: bytes) -> None:
        """Write all of this."""
        while data:
            data = data[os.write(self.target, data):]

    def ended(self, why: str) -> None:
        """The dialogue broke off."""
        self.closed = True
        self.log.info(f"{why} after {self.core.where()} from {CLIENT.decode()}")

    # -- events ---------------------------------------------------------------------------

    def on_helo(self) -> None:
        """HELO, EHLO."""
        self.helo = printable(self.core.text).translate(NEUTERED)
        if self.core.verb == 0:
            self.core.reply_lines(250, b"250 %b\r\n" % self.settings.hostname)
            return
        self.core.masked, lines, _ = self.settings.ehlo(ADDRESS)
        self.core.reply_lines(250, lines)

    def on_mail(self) -> None:
        """MAIL: a message that says that it is too big is refused at once."""
        core, limit = self.core, self.config.message_size_limit
        self.sender = core.address
        if limit and core.size > limit:
            wording.log_refusal(self, b"552 5.3.4 Message size exceeds fixed limit")
            self.sender = None
            core.reply(552, b"5.3.4 Message size exceeds fixed limit")
            return
        attributes = {"envid": (core.envid or b"").decode("utf-8", "surrogateescape"), "ret": str(core.ret or ""),
                      "flags": str(SMTPUTF8) if core.utf8 else ""}
        self.message = Submission(core.address, {name: value for name, value in attributes.items() if value})
        core.reply(250, b"2.1.0 Ok")

    def on_rcpt(self) -> None:
        """RCPT."""
        core = self.core
        self.message.recipients.append(Submitted(core.address, core.orcpt or b"", core.notify))
        core.reply(250, b"2.1.5 Ok")

    def on_data(self) -> None:
        """DATA, or the first BDAT."""
        self.sink = MemorySink()
        self.core.accept(self.sink)

    def on_end(self) -> None:
        """All content is here: submit it, and answer what became of it."""
        message, core = self.message, self.core
        self.forget()
        try:
            line = submit(self.config, message, bytes(self.sink.content)).encode("utf-8", "surrogateescape")
        except Failure as error:
            line = refusal(str(error))
        text = line[4:] or WITHOUT_ID
        if core.bdat and line[:1] != b"4" and line[:1] != b"5":
            text = text.replace(b"Ok", b"Ok: %d bytes" % core.scanner.size, 1).replace(b"bytes: queued", b"bytes queued", 1)
        core.reply(int(line[:3] or 250), text)

    def on_vrfy(self) -> None:
        """VRFY: nothing is verified here."""
        self.core.reply(252, b"2.0.0 " + printable(self.core.text))

    def on_etrn(self) -> None:
        """ETRN is for the running system."""
        self.log.warning('do not use ETRN in "sendmail -bs" mode')
        self.core.reply(458, b"Unable to queue messages")

    def on_other(self) -> None:
        """What only some configurations of smtpd have."""
        self.core.reply(502, b"5.5.1 Error: command not implemented")

    def forget(self) -> None:
        """A transaction is over."""
        self.message = self.sender = None

    def slow(self) -> None:
        """smtpd_error_sleep_time."""
        time.sleep(max(self.config.smtpd_error_sleep_time, 0))

    def close(self) -> None:
        """QUIT, or too much of something."""
        self.closed = True
        if self.core.reason is not None:
            self.ended(self.core.reason)


def refusal(text: str) -> bytes:
    """A reply line for a message that could not be submitted."""
    if text[:1] not in "45" or text[3:4] != " ":
        text = f"552 5.3.4 Error: {text}" if "too big" in text else "451 4.3.0 Error: queue file write error"
    return text.encode("utf-8", "surrogateescape")


def serve(config: Any, check_user: Callable[[], None]) -> int:
    """Serve on standard input and output; the exit status. Raises Failure where the user may not submit mail."""
    check_user()
    if os.getuid() and wants_control(config):
        raise Failure("stand-alone mode as mail_owner asks for access control, which only the running smtpd has: "
                      "connect to its port, or run this as another user")
    log = Maillog(config, "smtpd")
    try:
        Dialogue(config, log, sys.stdin.fileno(), sys.stdout.fileno()).run()
    except BrokenPipeError:
        log.info(f"lost connection from {CLIENT.decode()}")     # the caller left; nothing can be said any more
    return 0


def wants_control(config: Any) -> bool:
    """Are we mail_owner?"""
    import pwd
    try:
        return pwd.getpwnam(config.mail_owner).pw_uid == os.getuid()
    except KeyError:
        return False
