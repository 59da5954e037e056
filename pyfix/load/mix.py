"""What to send: from command-line words or a TOML file to the tables of `traffic.Traffic`.

The law: every distribution becomes a list of (whole weight, value), so that the draws are the same everywhere.

A mix file:

    recipients = "1:90, 5:9, 50:1"            # recipients of a message, each with a weight
    sizes = "lognormal:8192:1.2"              # or "4096", or "2048:50, 65536:5"; bytes of the body
    corpus = "mails/"                         # instead of sizes: a folder of messages, one a file

    [[tenant]]
    weight = 9
    sender = "news{u}@shop{d}.test"           # {u} and {d}: numbers below senders and sender_domains
    senders = 20
    sender_domains = 3
    [[tenant.to]]
    weight = 1
    recipient = "user{u}@d{d}.test"
    users = 1000
    domains = 500
"""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from statistics import NormalDist
from typing import Any

from pyfix.load.traffic import Blob, Pattern

QUANTILES = 64              # values that a continuous distribution becomes
LARGEST = 256 * 1024 * 1024
LINE = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/0123\r\n"    # 70 bytes, as an encoded body has

Rows = list[tuple[int, Any]]


class MixError(ValueError):
    """A distribution or a mix file that can't be used; the text says which and why."""


def whole(text: str) -> int:
    """A number above 0, with k or m behind it for 1,024 and 1,048,576."""
    word = text.strip().lower()
    factor = {"k": 1024, "m": 1048576}.get(word[-1:], 1)
    digits = word[:-1] if factor > 1 else word
    if not digits.isascii() or not digits.isdigit() or int(digits) == 0:
        raise MixError(f"{text.strip()!r}: expected a number above 0")
    return int(digits) * factor


def distribution(text: str) -> Rows:
    """[(weight, value)] from "4096", "1:90, 5:9" (value:weight) or "lognormal:MEDIAN:SIGMA"."""
    if text.startswith("lognormal:"):
        return lognormal(text)
    rows = []
    for word in text.split(","):
        value, _, weight = word.partition(":")
        rows.append((whole(weight) if weight else 1, whole(value)))
    return rows


def lognormal(text: str) -> Rows:
    """QUANTILES values of equal weight."""
    try:
        _, median, sigma = text.split(":")
        normal = NormalDist(math.log(whole(median)), float(sigma))
    except ValueError as error:
        raise MixError(f"{text!r}: expected lognormal:MEDIAN:SIGMA ({error})") from None
    points = [(number + 0.5) / QUANTILES for number in range(QUANTILES)]
    return [(1, max(1, min(round(math.exp(normal.inv_cdf(point))), LARGEST))) for point in points]


def body(size: int) -> bytes:
    """`size` bytes of lines (at least one line end)."""
    text = LINE * (size // len(LINE))
    rest = size - len(text)
    return text + (b"x" * (rest - 2) + b"\r\n" if rest >= 2 else b"" if text else b"\r\n")


def bodies(text: str) -> list[tuple[int, Blob]]:
    """Made-up bodies of the sizes that the distribution names."""
    return [(weight, Blob(body(size))) for weight, size in distribution(text)]


def corpus(folder: Path) -> list[tuple[int, Blob]]:
    """The messages of a folder, all with the same weight. Line ends become CRLF; each needs a header and a body."""
    found = []
    for path in sorted(item for item in folder.rglob("*") if item.is_file()):
        text = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        head, gap, rest = text.partition(b"\r\n\r\n")
        if not gap:
            raise MixError(f"{path}: no empty line between header and body")
        found.append((1, Blob(rest if rest.endswith(b"\r\n") else rest + b"\r\n", marked=False, head=head + b"\r\n")))
    if not found:
        raise MixError(f"{folder}: no message in it")
    return found


def tenants(table: dict[str, Any], most: int) -> list[tuple]:
    """The tenants of a mix file. `most` recipients may stand in one message, and must differ."""
    return [(int(row.get("weight", 1)), pattern(row, "sender"), int(row.get("senders", 1)),
             int(row.get("sender_domains", 1)), [group(to, most) for to in row.get("to", [])] or missing("tenant.to"))
            for row in table.get("tenant", [])] or missing("tenant")


def missing(name: str) -> Any:
    """Raises MixError."""
    raise MixError(f"the mix has no [[{name}]]")


def pattern(row: dict[str, Any], name: str) -> Pattern:
    """The address pattern that `row` names."""
    text = row.get(name, "")
    if "@" not in text or not text.isascii() or not text.isprintable() or " " in text:
        raise MixError(f"{name} = {text!r}: expected an address, {{u}} and {{d}} standing for numbers")
    return Pattern(text)


def group(row: dict[str, Any], most: int) -> tuple:
    """One group of recipients."""
    users = int(row.get("users", max(most, 1)))
    if "{u}" in row.get("recipient", "") and users < most:
        raise MixError(f"users = {users}: fewer than the {most} recipients that a message may have")
    return int(row.get("weight", 1)), pattern(row, "recipient"), users, int(row.get("domains", 1))


def load(path: Path) -> tuple[list, list, list]:
    """(tenants, blobs, counts) of a mix file."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise MixError(f"{path}: {error}") from None
    counts = distribution(str(table.get("recipients", "1")))
    blobs = corpus(path.parent / table["corpus"]) if "corpus" in table else bodies(str(table.get("sizes", "4096")))
    return tenants(table, max(value for _, value in counts)), blobs, counts


def plain(sender: str, recipient: str, users: int, domains: int, sizes: str, recipients: str, folder: str) -> tuple:
    """The same from command-line options: one tenant."""
    counts = distribution(recipients)
    most = max(value for _, value in counts)
    row = {"sender": sender, "senders": users, "to": [{"recipient": recipient, "users": max(users, most), "domains": domains}]}
    return tenants({"tenant": [row]}, most), corpus(Path(folder)) if folder else bodies(sizes), counts
