"""How a receiver behaves: profiles in TOML, and the script that plays one.

The law: what depends on an address only (a user that does not exist) is the same at every try; what depends on the time or
on chance is drawn from the seed, so that a run of one process can be repeated. Rates are token buckets.

    greeting = "mx.example ESMTP"     # behind 220
    unknown = 0.02                    # share of recipients that do not exist: `unknown_replies`
    full = 0.01                       # share of recipients that are always deferred: `full_replies`
    defer = 0.05                      # share of recipients deferred by chance: `defer_replies`
    defer_content, refuse_content     # the same after the content
    connections = 20                  # of one address at once; more are turned away with 421
    connection_rate = "10/1"          # of one address: 10 in 1 second
    message_rate = "100/60"
    recipient_rate = "500/60"
    messages_per_connection = 50      # then 421
    greylist = 300                    # seconds until a new (network, sender, recipient) is let in
    greet_delay, delay                # seconds before 220, before each answer to RCPT (a tarpit)
    content_delay                     # seconds before the answer to the content
    drop_connect, drop_rcpt, drop_content   # shares of those that end without a word
    refuse_all = "554 ..."            # instead of a greeting
    refuse_tls                        # share of STARTTLS that are refused: `refuse_tls_replies`
    tls_delay                         # seconds before the receiver's part of a handshake
    stall_tls, break_tls, drop_tls    # shares of handshakes that stop for good, get something that isn't TLS, end

Replies are lists of "CODE text"; one is drawn.
"""

from __future__ import annotations

import random
import tomllib
import zlib
from collections import defaultdict
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

SHARES = ("unknown", "full", "defer", "defer_content", "refuse_content", "drop_connect", "drop_rcpt", "drop_content",
          "refuse_tls", "stall_tls", "break_tls", "drop_tls")
RATES = ("connection_rate", "message_rate", "recipient_rate")
NUMBERS = ("connections", "messages_per_connection", "greylist", "greet_delay", "delay", "content_delay", "tls_delay")
REPLIES = {
    "unknown_replies": ["550 5.1.1 No such mailbox at this site"],
    "full_replies": ["452 4.2.2 That mailbox holds no more; try on another day"],
    "defer_replies": ["451 4.3.0 Cannot look that up at the moment", "450 4.7.1 Please come again later"],
    "defer_content_replies": ["451 4.7.0 Not now, the checks are behind"],
    "refuse_content_replies": ["554 5.7.1 The content is not wanted here"],
    "connections_replies": ["421 4.7.0 Your address has enough sessions open already"],
    "connection_rate_replies": ["421 4.7.0 Your address comes too often"],
    "message_rate_replies": ["450 4.7.1 Your address sends faster than we take it"],
    "recipient_rate_replies": ["452 4.5.3 Your address names too many recipients for now"],
    "messages_per_connection_replies": ["421 4.7.0 Enough for one connection"],
    "refuse_tls_replies": ["454 4.7.0 No encryption at the moment"],
    "greylist_replies": ["450 4.2.0 First seen just now; come back in a few minutes"],
}
SEEN_LIMIT = 1_000_000      # greylist entries
ADDRESS_LIMIT = 100_000     # client addresses with buckets


class ProfileError(ValueError):
    """A profile that can't be used; the text says why."""


class Verdict(NamedTuple):
    """What to do: wait `delay` seconds, then drop, or answer `code` and `text`, or (code 0) accept."""

    delay: float = 0.0
    code: int = 0
    text: bytes = b""
    drop: bool = False


DROP = Verdict(drop=True)
STALL = Verdict()                                           # of a handshake: nothing more comes
NOT_TLS = Verdict(text=b"500 5.5.1 What was that?\r\n")     # of a handshake: words instead of one


class Bucket:
    """A token bucket: `count` in `seconds`, as many at once."""

    def __init__(self, count: float, seconds: float) -> None:
        self.count, self.per_second = count, count / seconds
        self.state: dict[str, tuple[float, float]] = {}

    def take(self, key: str, now: float) -> bool:
        """Whether `key` may go on; if so, one token is gone."""
        tokens, then = self.state.get(key, (self.count, now))
        tokens = min(self.count, tokens + (now - then) * self.per_second)
        if len(self.state) >= ADDRESS_LIMIT and key not in self.state:
            self.state.clear()
        self.state[key] = (tokens - 1 if tokens >= 1 else tokens, now)
        return tokens >= 1


def load(name: str) -> dict[str, Any]:
    """The profile of a file, or one of those that come with this package (see names())."""
    path = Path(name)
    if not name.endswith(".toml"):
        if name not in names():
            raise ProfileError(f"{name}: no such profile; there are {', '.join(names())}, or name a .toml file")
        text = files("pyfix.load").joinpath("data", f"{name}.toml").read_text(encoding="utf-8")
    else:
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ProfileError(f"{name}: {error.strerror}") from None
    try:
        return checked(tomllib.loads(text), name)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{name}: {error}") from None


def names() -> list[str]:
    """The profiles of this package."""
    return sorted(item.name[:-5] for item in files("pyfix.load").joinpath("data").iterdir() if item.name.endswith(".toml"))


def checked(table: dict[str, Any], name: str) -> dict[str, Any]:
    """The table itself, if every key is known and every value possible."""
    for key, value in table.items():
        if key in SHARES and not (isinstance(value, int | float) and 0 <= value <= 1):
            raise ProfileError(f"{name}: {key} = {value!r}: expected a share from 0 to 1")
        if key in NUMBERS and not (isinstance(value, int | float) and value >= 0):
            raise ProfileError(f"{name}: {key} = {value!r}: expected a number")
        if key in RATES:
            rate(name, key, value)
        if key in REPLIES or key == "refuse_all":
            for text in value if isinstance(value, list) else [value]:
                reply(name, key, text)
        elif key not in (*SHARES, *NUMBERS, *RATES, "greeting", "about"):
            raise ProfileError(f"{name}: {key}: no such setting")
    return table


def rate(name: str, key: str, value: object) -> Bucket:
    """A Bucket from "COUNT/SECONDS"."""
    count, _, seconds = str(value).partition("/")
    try:
        return Bucket(float(int(count)), float(seconds or 1))
    except (ValueError, ZeroDivisionError):
        raise ProfileError(f"{name}: {key} = {value!r}: expected COUNT/SECONDS") from None


def reply(name: str, key: str, text: object) -> tuple[int, bytes]:
    """(code, text) from "450 4.7.1 words"."""
    code, _, words = str(text).partition(" ")
    if len(code) != 3 or not code.isascii() or not code.isdigit() or code[0] not in "245" or not words.isascii() \
            or not words.isprintable():
        raise ProfileError(f"{name}: {key}: {text!r}: expected CODE and printable text")
    return int(code), words.encode()


class Script:
    """Plays a profile. Addresses are text, mail addresses bytes, `now` seconds of any clock."""

    def __init__(self, table: dict[str, Any], seed: int = 1, name: str = "profile") -> None:
        self.table = table
        self.random = random.Random(seed)
        self.share = {key: float(table.get(key, 0)) for key in SHARES}
        self.number = {key: table.get(key, 0) for key in NUMBERS}
        self.buckets = {key: rate(name, key, table[key]) for key in RATES if key in table}
        self.replies = {key: [reply(name, key, text) for text in table.get(key, default)] for key, default in REPLIES.items()}
        self.refuse_all = reply(name, "refuse_all", table["refuse_all"]) if "refuse_all" in table else None
        self.open: dict[str, int] = defaultdict(int)
        self.seen: dict[tuple[str, bytes, bytes], float] = {}

    @property
    def remembers(self) -> bool:
        """Whether it keeps something that several processes would have to share."""
        return bool(self.buckets or self.number["greylist"] or self.number["connections"])

    def say(self, key: str, delay: float = 0.0) -> Verdict:
        """One of the replies of `key`."""
        return Verdict(delay, *self.random.choice(self.replies[f"{key}_replies"]))

    def chance(self, key: str) -> bool:
        """Drawn anew each time."""
        return self.share[key] > 0 and self.random.random() < self.share[key]

    def fixed(self, key: str, address: bytes) -> bool:
        """The same for an address at every try."""
        return self.share[key] > 0 and zlib.crc32(key.encode() + address.lower()) / 2**32 < self.share[key]

    def connect(self, address: str, now: float) -> Verdict | None:
        """A new connection."""
        self.open[address] += 1
        delay = self.number["greet_delay"]
        if self.chance("drop_connect"):
            return DROP
        if self.refuse_all:
            return Verdict(delay, *self.refuse_all)
        if 0 < self.number["connections"] < self.open[address]:
            return self.say("connections")
        if "connection_rate" in self.buckets and not self.buckets["connection_rate"].take(address, now):
            return self.say("connection_rate")
        return Verdict(delay) if delay else None

    def left(self, address: str) -> None:
        """A connection is gone."""
        self.open[address] -= 1
        if self.open[address] <= 0:
            del self.open[address]

    @property
    def secures(self) -> bool:
        """Whether it says anything about TLS."""
        return bool(self.number["tls_delay"] or any(self.share[key] for key in SHARES if key.endswith("_tls")))

    def starttls(self) -> Verdict | None:
        """STARTTLS: None, or a refusal."""
        return self.say("refuse_tls") if self.chance("refuse_tls") else None

    def handshake(self) -> Verdict | None:
        """The client's first part of a handshake has come."""
        for key, verdict in (("drop_tls", DROP), ("stall_tls", STALL), ("break_tls", NOT_TLS)):
            if self.chance(key):
                return verdict
        return Verdict(self.number["tls_delay"]) if self.number["tls_delay"] else None

    def mail(self, address: str, taken: int, now: float) -> Verdict | None:
        """MAIL, after `taken` messages on this connection."""
        if 0 < self.number["messages_per_connection"] <= taken:
            return self.say("messages_per_connection")
        if "message_rate" in self.buckets and not self.buckets["message_rate"].take(address, now):
            return self.say("message_rate")
        return None

    def rcpt(self, address: str, sender: bytes, recipient: bytes, now: float) -> Verdict | None:
        """RCPT."""
        delay = self.number["delay"]
        if self.chance("drop_rcpt"):
            return DROP
        for key in ("unknown", "full"):
            if self.fixed(key, recipient):
                return self.say(key, delay)
        if "recipient_rate" in self.buckets and not self.buckets["recipient_rate"].take(address, now):
            return self.say("recipient_rate", delay)
        if self.number["greylist"] and not self.known(address, sender, recipient, now):
            return self.say("greylist", delay)
        if self.chance("defer"):
            return self.say("defer", delay)
        return Verdict(delay) if delay else None

    def known(self, address: str, sender: bytes, recipient: bytes, now: float) -> bool:
        """Greylisting: whether this triple was first seen long enough ago."""
        if len(self.seen) >= SEEN_LIMIT:
            self.seen.clear()
        network = address.rpartition(".")[0] or address
        return now - self.seen.setdefault((network, sender.lower(), recipient.lower()), now) >= self.number["greylist"]

    def data(self, address: str, now: float) -> Verdict | None:
        """DATA or the first BDAT."""
        return DROP if self.chance("drop_content") else None

    def end(self, address: str, now: float) -> Verdict | None:
        """The content is complete."""
        delay = self.number["content_delay"]
        if self.chance("refuse_content"):
            return self.say("refuse_content", delay)
        if self.chance("defer_content"):
            return self.say("defer_content", delay)
        return Verdict(delay) if delay else None
