"""What sendmail's command line asks for.

Law: sendmail(1) of Postfix: the options it has, those that it ignores, those that do not go together, and its words
about them. Values in, a Wish out; nothing is done here.
"""

import os
import sys
from typing import NoReturn

from pyfix.commands.common import Failure
from pyfix.model import NOTIFY_DELAY, NOTIFY_FAILURE, NOTIFY_NEVER, NOTIFY_SUCCESS

WITH_ARGUMENT = "ABCFLNORVXbefhopr"
FLAGS = "GIUcimntvx"
NOTIFY = {"never": NOTIFY_NEVER, "success": NOTIFY_SUCCESS, "failure": NOTIFY_FAILURE, "delay": NOTIFY_DELAY}
RETURN = {"full": "1", "hdrs": "2"}
ENVID_LIMIT = 100           # bytes
NO_RECIPIENT = {"d": "daemon mode", "i": "alias initialization mode", "p": "display queue mode", "q": "flush queue mode",
                "s": "stand-alone mode"}
FLUSH = {"-s": ("-qR", "flush site"), "-i": ("-qI", "flush queue_id")}     # postqueue's option: ours, and what it does


class Wish:
    """What the command line asks for.

    mode       m enqueue, d daemon, i newaliases, p mailq, q flush, s stand-alone SMTP
    verify     -bv: a report about the recipients, no delivery      verbose   how many -v
    queue_run  postqueue's option and argument, or []               aliases   of -oA
    warnings   what is to be said of options that are ignored       words     the recipients
    """

    def __init__(self) -> None:
        self.mode, self.directory, self.notify, self.verbose = "m", "", 0, 0
        self.sender: str | None = None
        self.full_name: str | None = None
        self.attributes: dict[str, str] = {}
        self.from_header = self.interval = self.verify = False
        self.dots_end = True
        self.queue_run: list[str] = []
        self.aliases: list[str] = []
        self.warnings: list[str] = []
        self.words: list[str] = []

    def check(self) -> None:
        """Options that do not go together. Raises Failure."""
        sending = self.mode == "m"
        if self.from_header and not sending:
            raise Failure("-t can be used only in delivery mode")
        if self.queue_run and not sending:
            raise Failure(f"{FLUSH[self.queue_run[0]][0]} can be used only in delivery mode")
        if self.verify and sending:
            for option, given in (("-t", self.from_header), ("-N", self.notify), ("-R", "ret" in self.attributes),
                                  ("-v", self.verbose)):
                if given:
                    raise Failure(f"{option} option cannot be used with -bv")
        if self.words and (not sending or self.queue_run):
            raise Failure(f"{NO_RECIPIENT.get(self.mode) or FLUSH[self.queue_run[0]][1]} requires no recipient")


def parse(argv: list[str], wish: Wish | None = None) -> Wish:
    """The command line, into `wish`. Raises Failure; what was warned of by then is in `wish`."""
    wish, at = wish or Wish(), 1
    argv = modern(wish, argv)
    while at < len(argv) and len(argv[at]) > 1 and argv[at][0] == "-":
        word = argv[at]
        at += 1
        if word == "--":
            break
        if word == "-q":
            _flush(wish)
            continue
        at = _letters(wish, word, argv, at)
    wish.words = argv[at:]
    wish.check()
    return wish


def modern(wish: Wish, argv: list[str]) -> list[str]:
    """The arguments with -Vxy and -V xy, which once meant VERP, in today's form."""
    out = list(argv)
    for at, word in enumerate(argv[1:], 1):
        if word == "--":
            break
        if word.startswith("-V") and len(os.fsencode(word)) == 4:
            wish.warnings.append(f"option {word} is deprecated with Postfix 2.3; specify -X{word[1:]} instead")
            out[at] = "-X" + word[1:]
        elif word == "-V" and at + 1 < len(argv) and len(os.fsencode(argv[at + 1])) == 2:
            wish.warnings.append("option -V is deprecated with Postfix 2.3; specify -XV instead")
            out[at] = "-XV"
    return out


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
    name = os.path.basename(sys.argv[0]) if sys.argv[0] else "sendmail"
    name = name if name in ("mailq", "newaliases") else "sendmail"
    print(f"{name}: {text}", file=sys.stderr)
    raise Failure(f"usage: {name} [options]")


def _flag(wish: Wish, letter: str) -> None:
    if letter == "G":
        wish.attributes["rewrite_context"] = "remote"
    elif letter == "I":
        wish.mode = "i"
    elif letter == "i":
        wish.dots_end = False
    elif letter == "n":
        raise Failure("-n option not supported")
    elif letter == "t":
        wish.from_header = True
    elif letter == "v":
        wish.verbose += 1


def _ignore(wish: Wish, value: str) -> None:
    """An option that Postfix ignores."""


def _body(wish: Wish, value: str) -> None:
    if value not in ("7BIT", "8BITMIME"):
        raise Failure("-B option needs 8BITMIME or 7BIT")


def _mode(wish: Wish, value: str) -> None:
    letter = value[:1]
    if letter == "v":
        wish.verify = True
    elif letter and letter in "dilmps":
        wish.mode = "d" if letter == "l" else letter
    elif letter not in ("h", "H"):
        raise Failure(f"unsupported: -b{letter}")


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
    raw = os.fsencode(value)
    if len(raw) > ENVID_LIMIT:
        wish.warnings.append("too long -V option value -- ignored")
    elif not raw or any(not 32 <= byte < 127 for byte in raw):
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


def _flush(wish: Wish) -> None:
    if wish.mode == "d":
        wish.warnings.append("ignoring -q option in daemon mode")
    else:
        wish.mode = "q"


def _queue(wish: Wish, value: str) -> None:
    kind, rest = value[:1], value[1:]
    if kind in "0123456789":
        wish.interval = True
    elif kind in ("I", "R"):
        if not rest:
            raise Failure("specify: -qRsitename" if kind == "R" else "specify: -qIqueueid")
        wish.queue_run = ["-s" if kind == "R" else "-i", rest]
    else:
        raise Failure(f"-q{kind} is not implemented")


ACTIONS = {"B": _body, "C": _directory, "F": _full_name, "N": _notify, "R": _return, "V": _envid, "X": _extended,
           "b": _mode, "f": _sender, "o": _option, "q": _queue, "r": _sender}
