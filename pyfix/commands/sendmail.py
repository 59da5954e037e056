"""sendmail: submit mail, and the other things that programs call it for.

Law: sendmail(1) of Postfix: its options, also the ignored ones, its words, and its exit status (75 for all
trouble, since whoever calls it should try again). As `mailq` and `newaliases` it is these commands.
"""

import os
import pwd
import sys
from typing import Any, NoReturn

from pyfix.commands.common import Failure, hold_standard_descriptors
from pyfix.commands.recipients import addresses, header_recipients
from pyfix.commands.submit import submit
from pyfix.config import Config, config_directory
from pyfix.errors import PyfixError
from pyfix.ipc.submission import Submission, Submitted
from pyfix.model import NOTIFY_DELAY, NOTIFY_FAILURE, NOTIFY_NEVER, NOTIFY_SUCCESS, TRACE_ONLY
from pyfix.resolve.verp import delimiters_of
from pyfix.telemetry.maillog import CommandLog

EX_TEMPFAIL = 75
WITH_ARGUMENT = "ABCFLNORVXbefhopr"
FLAGS = "GIUcimntvx"
NOTIFY = {"never": NOTIFY_NEVER, "success": NOTIFY_SUCCESS, "failure": NOTIFY_FAILURE, "delay": NOTIFY_DELAY}
RETURN = {"full": "1", "hdrs": "2"}


class Wish:
    """What the command line asks for."""

    def __init__(self) -> None:
        self.mode, self.directory, self.notify = "m", "", 0
        self.sender: str | None = None
        self.full_name: str | None = None
        self.attributes: dict[str, str] = {}
        self.from_header = self.interval = False
        self.dots_end = True
        self.queue_run: list[str] = []
        self.aliases: list[str] = []
        self.warnings: list[str] = []
        self.words: list[str] = []


def parse(argv: list[str]) -> Wish:
    """The command line. Raises Failure."""
    wish, at = Wish(), 1
    while at < len(argv) and len(argv[at]) > 1 and argv[at][0] == "-":
        word = argv[at]
        at += 1
        if word == "--":
            break
        if word == "-q":
            wish.mode = wish.mode if wish.mode == "d" else "q"
            continue
        at = _letters(wish, word, argv, at)
    wish.words = argv[at:]
    return wish


def _letters(wish: Wish, word: str, argv: list[str], at: int) -> int:
    """The option letters of one word; where to go on in argv."""
    index = 1
    while index < len(word):
        letter = word[index]
        index += 1
        if letter in FLAGS:
            _flag(wish, letter)
        elif letter in WITH_ARGUMENT or letter == "q":
            value = word[index:]
            if not value and letter != "q":
                if at >= len(argv):
                    _invalid(f"option requires an argument -- '{letter}'")
                value, at = argv[at], at + 1
            ACTIONS.get(letter, _ignore)(wish, value)
            return at
        else:
            _invalid(f"invalid option -- '{letter}'")
    return at


def _invalid(text: str) -> NoReturn:
    print(f"sendmail: {text}", file=sys.stderr)
    raise Failure("usage: sendmail [options]")


def _flag(wish: Wish, letter: str) -> None:
    if letter == "I":
        wish.mode = "i"
    elif letter == "i":
        wish.dots_end = False
    elif letter == "t":
        wish.from_header = True


def _ignore(wish: Wish, value: str) -> None:
    """An option that Postfix ignores."""


def _body(wish: Wish, value: str) -> None:
    if value.upper() not in ("7BIT", "8BITMIME"):
        raise Failure("-B option needs 8BITMIME or 7BIT")


def _mode(wish: Wish, value: str) -> None:
    if value[:1] in ("d", "i", "l", "m", "p", "s", "v"):
        wish.mode = "d" if value[0] == "l" else value[0]
    elif value[:1] not in ("h", "H"):
        raise Failure(f"unsupported: -b{value[:1]}")


def _directory(wish: Wish, value: str) -> None:
    wish.directory = os.path.dirname(value) or "." if os.path.basename(value) == "main.cf" else value


def _sender(wish: Wish, value: str) -> None:
    wish.sender = value


def _full_name(wish: Wish, value: str) -> None:
    wish.full_name = value


def _notify(wish: Wish, value: str) -> None:
    bits = 0
    for word in value.replace(",", " ").split():
        bit = NOTIFY.get(word.lower(), 0)
        if not bit:
            wish.warnings.append(f'unknown DSN NOTIFY command value "{word}" in "{value}"')
            bits = 0
            break
        bits |= bit
    if not bits or (bits & NOTIFY_NEVER and bits != NOTIFY_NEVER):
        wish.warnings.append("bad -N option value -- ignored")
    else:
        wish.notify = bits


def _return(wish: Wish, value: str) -> None:
    if value.lower() not in RETURN:
        wish.warnings.append("bad -R option value -- ignored")
    else:
        wish.attributes["ret"] = RETURN[value.lower()]


def _envid(wish: Wish, value: str) -> None:
    if not value:
        wish.warnings.append("bad syntax in -V option value -- ignored")
    else:
        wish.attributes["envid"] = value


def _extended(wish: Wish, value: str) -> None:
    if not value.startswith("V"):
        raise Failure(f"unsupported: -X{value[:1]}")
    wish.attributes["verp"] = value[1:] or "default"


def _option(wish: Wish, value: str) -> None:
    if value[:1] == "i":
        wish.dots_end = False
    elif value[:1] == "A":
        if not value[1:]:
            raise Failure("-oA requires pathname")
        wish.aliases.append(value[1:])


def _queue(wish: Wish, value: str) -> None:
    kind, rest = value[:1], value[1:]
    if kind in "0123456789":
        wish.interval = True
    elif kind in ("I", "R"):
        if not rest:
            raise Failure("specify: -qRsitename" if kind == "R" else "specify: -qIqueueid")
        wish.mode, wish.queue_run = "q", ["-s" if kind == "R" else "-i", rest]
    else:
        raise Failure(f"-q{kind} is not implemented")


ACTIONS = {"B": _body, "C": _directory, "F": _full_name, "N": _notify, "R": _return, "V": _envid, "X": _extended,
           "b": _mode, "f": _sender, "o": _option, "q": _queue, "r": _sender}


def strip_from_lines(content: bytes) -> bytes:
    """The content without the mailbox "From " lines that some programs put first."""
    while content[:5] == b"From " or content[:6] == b">From ":
        content = content.partition(b"\n")[2]
    return content


def end_at_dot(content: bytes) -> bytes:
    """The content up to a line that is just a dot."""
    if content.startswith((b".\n", b".\r\n")) or content == b".":
        return b""
    ends = [at + 1 for mark in (b"\n.\n", b"\n.\r\n") if (at := content.find(mark)) >= 0]
    if content.endswith(b"\n."):
        ends.append(len(content) - 1)
    return content[:min(ends)] if ends else content


def sender_address(wish: Wish, user: str) -> bytes:
    """The envelope sender in internal form."""
    if wish.sender is None:
        return user.encode("utf-8", "surrogateescape")
    text = os.fsencode(wish.sender)
    found = addresses(text)
    if len(found) > 1 or (not found and text.strip() not in (b"", b"<>")) or b"\n" in text or \
            (found and not text.startswith(b"<") and b" " in text.strip() and b"<" not in text and b'"' not in text):
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

    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        self.config: Any = Config.load(os.path.abspath(config_directory(wish.directory)))
        self.log = CommandLog(self.config, "sendmail")
        try:
            self.entry: pwd.struct_passwd | None = pwd.getpwuid(os.getuid())
        except KeyError:
            self.entry = None
        self.user = self.entry.pw_name if self.entry else "unknown"
        self.check_verp(wish.attributes.get("verp", "default").removeprefix("default"))

    def check_verp(self, said: str) -> None:
        """What -XV may name. Raises Failure."""
        allowed = self.config["verp_delimiter_filter"]
        if delimiters_of(os.fsencode(said), b"+=", allowed.encode()) is None:
            raise Failure(f"-V requires two characters from {allowed}")

    def run(self) -> int:
        """Do what is wished; the exit status. Raises Failure."""
        wish = self.wish
        if wish.mode in ("m", "v"):
            return 0 if wish.interval and not wish.words else self.enqueue()
        if wish.mode == "s":
            from pyfix.commands.standalone import serve
            return serve(self.config, self.user, self.check_user)
        return self.other_command()

    def other_command(self) -> int:
        """Do what postqueue does, or become postalias or postfix."""
        wish, config = self.wish, ["-c", self.config.directory]
        if wish.mode in "pq":
            from pyfix.commands import postqueue
            sys.argv = ["postqueue", *config, *(["-p"] if wish.mode == "p" else wish.queue_run or ["-f"])]
            return postqueue.main()
        if wish.mode == "i":
            command = ["postalias", *config, *(wish.words or wish.aliases or self.config.words("alias_database"))]
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
        sender = sender_address(wish, self.user)
        for text in wish.warnings:
            self.log.warning(text)
        self.check_user()
        if "verp" in wish.attributes and not sender:
            raise self.trouble("-V option requires non-null sender address")
        recipients = [one for word in wish.words for one in addresses(os.fsencode(word)) or [b""]]
        if not recipients and not wish.from_header:
            raise self.trouble("Recipient addresses must be specified on the command line or via the -t option")
        content = self.read()
        if wish.from_header:
            recipients += header_recipients(content)
            if not recipients:
                raise self.trouble("No recipient addresses found in message header")
        if name := full_name(wish, self.entry):
            wish.attributes["fullname"] = "".join(c if c.isprintable() else " " for c in name)
        if wish.mode == "v":
            wish.attributes["flags"] = str(TRACE_ONLY)
        message = Submission(sender, wish.attributes, [Submitted(one, b"", wish.notify) for one in recipients])
        try:
            submit(self.config, message, content)
        except Failure as error:
            raise self.trouble(str(error)) from None
        return 0

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
        """A Failure that names the user, as Postfix does."""
        return Failure(f"{self.user}({os.getuid()}): {text}")


def main(argv: list[str] | None = None) -> int:
    """Entry point of `sendmail`."""
    argv = sys.argv if argv is None else argv
    command = None
    hold_standard_descriptors()
    try:
        wish = parse(argv)
        personality = os.path.basename(argv[0]) if argv else ""
        wish.mode = {"mailq": "p", "newaliases": "i", "smtpd": "d"}.get(personality, wish.mode)
        command = Sendmail(wish)
        return command.run()
    except (Failure, PyfixError, OSError) as error:
        if command is not None:
            command.log.fatal(str(error))
        else:
            print(f"sendmail: fatal: {error}", file=sys.stderr)
        return EX_TEMPFAIL


if __name__ == "__main__":
    sys.exit(main())
