"""sendmail: submit mail, and the other things that programs call it for.

Law: sendmail(1) of Postfix: its options, also the ignored ones, its words, and its exit status (75 for all
trouble, since whoever calls it should try again). As `mailq` and `newaliases` it is these commands.
"""

import os
import pwd
import re
import sys
from typing import Any

from pyfix.commands.common import Failure, hold_standard_descriptors
from pyfix.commands.recipients import addresses, header_recipients
from pyfix.commands.sendmail_options import Wish, parse
from pyfix.commands.submit import submit
from pyfix.config import Config, config_directory
from pyfix.errors import PyfixError
from pyfix.ipc.submission import Submission, Submitted
from pyfix.model import TRACE, TRACE_ONLY
from pyfix.resolve.verp import delimiters_of
from pyfix.telemetry.maillog import CommandLog

EX_TEMPFAIL = 75
FIRST_DOT, DOT_LINE = re.compile(rb"\.(?:\r*\n|\Z)"), re.compile(rb"\n\.(?:\r*\n|\Z)")
PERSONALITIES = {"mailq": "p", "newaliases": "i", "smtpd": "d"}


def strip_from_lines(content: bytes) -> bytes:
    """The content without the mailbox "From " lines that some programs put first."""
    while content[:5] == b"From " or content[:6] == b">From ":
        content = content.partition(b"\n")[2]
    return content


def end_at_dot(content: bytes) -> bytes:
    """The content up to a line that is just a dot; CRs before a line's end are no part of it."""
    if FIRST_DOT.match(content):
        return b""
    end = DOT_LINE.search(content)
    return content[:end.start() + 1] if end else content


def sender_address(wish: Wish, user: str) -> bytes:
    """The envelope sender in internal form."""
    if wish.sender is None:
        return user.encode("utf-8", "surrogateescape")
    found = addresses(os.fsencode(wish.sender))
    if len(found) > 1:
        wish.warnings.append(f"-f option specified malformed sender: {wish.sender}")
    return found[0] if found else b""


def full_name(wish: Wish, entry: pwd.struct_passwd | None) -> str:
    """-F, else NAME of the environment, else the GECOS field ("&" is the login name)."""
    if wish.full_name is not None:
        return wish.full_name
    if "NAME" in os.environ:
        return os.environ["NAME"]
    if entry is None:
        return ""
    name = entry.pw_gecos.partition(",")[0]
    return name.replace("&", entry.pw_name[:1].upper() + entry.pw_name[1:])


class Sendmail:
    """One run: the configuration, the log, the modes."""

    def __init__(self, wish: Wish, name: str = "sendmail") -> None:
        self.wish = wish
        self.config: Any = Config.load(os.path.abspath(config_directory(wish.directory)))
        self.log = CommandLog(self.config, name)
        try:
            self.entry: pwd.struct_passwd | None = pwd.getpwuid(os.getuid())
        except KeyError:
            self.entry = None
        self.user = self.entry.pw_name if self.entry else "unknown"
        self.sender = self.user.encode("utf-8", "surrogateescape")
        self.enter_queue()
        self.check_verp(wish.attributes.get("verp", "default").removeprefix("default"))

    def enter_queue(self) -> None:
        """The queue is where sendmail works, as Postfix's does. Raises Failure where there is none."""
        try:
            os.chdir(self.config.queue_directory)
        except OSError as error:
            raise Failure(f"chdir {self.config.queue_directory}: {error.strerror}") from None

    def check_verp(self, said: str) -> None:
        """What -XV may name. Raises Failure."""
        allowed = self.config["verp_delimiter_filter"]
        if delimiters_of(os.fsencode(said), b"+=", allowed.encode()) is None:
            raise Failure(f"-V requires two characters from {allowed}")

    def run(self) -> int:
        """Do what is wished; the exit status. Raises Failure."""
        wish = self.wish
        if wish.mode == "s":
            from pyfix.commands.standalone import serve
            return serve(self.config, self.check_user)
        if wish.mode != "m" or wish.queue_run:
            return self.other_command()
        return 0 if wish.interval and not wish.words else self.enqueue()

    def other_command(self) -> int:
        """Do what postqueue does, or become postalias or postfix."""
        wish, config = self.wish, ["-c", self.config.directory]
        for text in wish.warnings:
            self.log.warning(text)
        if wish.queue_run or wish.mode in "pq":
            from pyfix.commands import postqueue
            sys.argv = ["postqueue", *config, *(["-p"] if wish.mode == "p" else wish.queue_run or ["-f"])]
            return postqueue.main()
        if wish.mode == "i":
            command = ["postalias", *config, *(wish.aliases or self.config.words("alias_database"))]
        else:
            command = ["postfix", *config, "start"]
        os.execv(sys.executable, [sys.executable, "-I", "-m", f"pyfix.commands.{command[0]}", *command[1:]])

    def check_user(self) -> None:
        """authorized_submit_users. Raises Failure."""
        words = self.config.words("authorized_submit_users")
        if words[:1] == ["static:anyone"]:
            return
        import asyncio

        from pyfix.access.users import Admission
        if not asyncio.run(Admission(self.config)(self.user)):
            raise Failure(f"User {self.user}({os.getuid()}) is not allowed to submit mail")

    def enqueue(self) -> int:
        """Read a message from standard input and submit it."""
        wish = self.wish
        self.sender = sender_address(wish, self.user)
        for text in wish.warnings:
            self.log.warning(text)
        self.check_user()
        if "verp" in wish.attributes and not self.sender:
            raise self.trouble("-V option requires non-null sender address")
        recipients = [one for word in wish.words for one in addresses(os.fsencode(word)) or [b""]]
        if not recipients and not wish.from_header:
            raise self.trouble("Recipient addresses must be specified on the command line or via the -t option")
        content = self.read()
        if wish.from_header:
            recipients += header_recipients(content)
            if not recipients:
                raise self.trouble("No recipient addresses found in message header")
        self.hand_over(recipients, content)
        if self.reported:
            print(f"Mail Delivery Status Report will be mailed to <{self.sender.decode('utf-8', 'replace')}>.")
        return 0

    @property
    def reported(self) -> bool:
        """Does a report about the recipients come back? Several -v only make Postfix talkative."""
        return self.wish.verify or self.wish.verbose == 1

    def hand_over(self, recipients: list[bytes], content: bytes) -> None:
        """Submit the message. Raises Failure."""
        wish = self.wish
        if name := full_name(wish, self.entry):
            wish.attributes["fullname"] = "".join(c if c.isprintable() else " " for c in name)
        if self.reported:
            wish.attributes["flags"] = str(TRACE_ONLY if wish.verify else TRACE)
        message = Submission(self.sender, wish.attributes, [Submitted(one, b"", wish.notify) for one in recipients])
        try:
            submit(self.config, message, content)
        except Failure as error:
            raise self.trouble(str(error)) from None

    def read(self) -> bytes:
        """The message on standard input. Raises Failure where it is over the limit or can't be read."""
        limit = self.config.message_size_limit
        try:
            content = sys.stdin.buffer.read(limit + 65536 if limit else -1)
        except (OSError, AttributeError):
            raise self.trouble("error reading input") from None
        if self.wish.dots_end:
            content = end_at_dot(content)
        if limit and len(content) > limit:
            raise self.trouble("message file too big")
        return strip_from_lines(content)

    def trouble(self, text: str) -> Failure:
        """A Failure that names the sender and the user, as Postfix does."""
        return Failure(f"{self.sender.decode('utf-8', 'replace')}({os.getuid()}): {text}")


def main(argv: list[str] | None = None) -> int:
    """Entry point of `sendmail`; called by the name of mailq or newaliases it is these."""
    argv = sys.argv if argv is None else argv
    command, wish = None, Wish()
    hold_standard_descriptors()
    name = os.path.basename(argv[0]) if argv else ""
    wish.mode = PERSONALITIES.get(name, "m")
    name = name if name in ("mailq", "newaliases") else "sendmail"
    try:
        parse(argv, wish)
        command = Sendmail(wish, name)
        return command.run()
    except (Failure, PyfixError, OSError) as error:
        if command is not None:
            command.log.fatal(str(error))
        else:
            for text in wish.warnings:
                print(f"{name}: warning: {text}", file=sys.stderr)
            print(f"{name}: fatal: {error}", file=sys.stderr)
        return EX_TEMPFAIL


if __name__ == "__main__":
    sys.exit(main())
