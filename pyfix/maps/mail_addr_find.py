"""Looking up a mail address: which keys, in which order, in which tables (canonical(5), access(5), transport(5)).

Each form of the key is tried in all tables before the next form. Tables with patterns see the whole address only.
A strategy is a set of the flags below; keys come in their order. Addresses here are in internal form; tables hold the
external (quoted) form, and with EXTERNAL_FIRST the internal form is tried after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from .._core.quote import FLAG_8BITCLEAN, FLAG_BARE_LOCALPART, quote
from .maplist import MapList

FULL = 1 << 0  # user+ext@domain
NOEXT = 1 << 1  # user@domain
LOCALPART_IF_LOCAL = 1 << 2  # user+ext, user: where the domain is ours
LOCALPART_AT_IF_LOCAL = 1 << 3  # user+ext@, user@: where the domain is ours
AT_DOMAIN = 1 << 4  # @domain
DOMAIN = 1 << 5  # domain
PMS = 1 << 6  # its parent domains, "parent" (with DOMAIN)
PMDS = 1 << 7  # its parent domains, ".parent" (with DOMAIN)
LOCALPART_AT = 1 << 8  # user+ext@, user@

DEFAULT = FULL | NOEXT | LOCALPART_IF_LOCAL | AT_DOMAIN

INTERNAL = "internal"
EXTERNAL = "external"
EXTERNAL_FIRST = "external-first"


class Found(NamedTuple):
    """`extension` is what the key lacked of the address, with its delimiter; b"" where nothing."""

    value: bytes
    extension: bytes


class Key(NamedTuple):
    """`whole`: the address as it is, which patterns see too; `domain`: the key has an "@"."""

    text: bytes
    extension: bytes
    whole: bool = False
    domain: bool = True


def split_extension(local: bytes, delimiters: bytes) -> tuple[bytes, bytes]:
    """(user, extension with its delimiter) at the first delimiter that is not in front; no split: (local, b"").

    Addresses that stand for programs are not split: owner-list and list-request where "-" is a delimiter,
    double-bounce, mailer-daemon.
    """
    if not delimiters or not local:
        return local, b""
    lower = local.lower()
    if lower in (b"mailer-daemon", b"double-bounce"):
        return local, b""
    if b"-" in delimiters and (lower.startswith(b"owner-") or lower.endswith(b"-request")):
        return local, b""
    at = min((found for found in (local.find(bytes((char,))) for char in delimiters) if found >= 0), default=-1)
    return (local[:at], local[at:]) if at > 0 else (local, b"")


def strip_address(address: bytes, delimiters: bytes) -> tuple[bytes, bytes] | None:
    """(address without extension, extension), or None where there is none (strip_addr(3))."""
    at = address.rfind(b"@")
    local, domain = (address, b"") if at < 0 else (address[:at], address[at:])
    user, extension = split_extension(local, delimiters)
    return (user + domain, extension) if extension else None


def keys(address: bytes, strategy: int = DEFAULT, delimiters: bytes = b"",
         is_local: Callable[[bytes], bool] | None = None) -> Iterator[Key]:
    """The keys of an address (internal form), in order. `is_local(domain)` may raise TableError."""
    at = address.rfind(b"@")
    local, domain = (address, b"") if at < 0 else (address[:at], address[at + 1:])
    user, extension = split_extension(local, delimiters)
    tail = address[at:] if at >= 0 else b""
    if strategy & FULL:
        yield Key(address, b"", True, at >= 0)
    if strategy & NOEXT and extension:
        yield Key(user + tail, extension, False, at >= 0)
    if at < 0:
        return
    if strategy & (LOCALPART_IF_LOCAL | LOCALPART_AT_IF_LOCAL) and is_local is not None and is_local(domain):
        if strategy & LOCALPART_IF_LOCAL:
            yield from _local_keys(local, user, extension, b"")
        if strategy & LOCALPART_AT_IF_LOCAL:
            yield from _local_keys(local, user, extension, b"@")
    if strategy & AT_DOMAIN:
        yield Key(b"@" + domain, b"")
    if strategy & DOMAIN:
        yield from _domain_keys(domain, strategy)
    if strategy & LOCALPART_AT:
        yield from _local_keys(local, user, extension, b"@")


def _local_keys(local: bytes, user: bytes, extension: bytes, end: bytes) -> Iterator[Key]:
    yield Key(local + end, b"", False, bool(end))
    if extension:
        yield Key(user + end, extension, False, bool(end))


def _domain_keys(domain: bytes, strategy: int) -> Iterator[Key]:
    yield Key(domain, b"")
    if strategy & (PMS | PMDS):
        dot = domain.find(b".", 1)
        while dot >= 0:
            yield Key(domain[dot + (not strategy & PMDS):], b"")
            dot = domain.find(b".", dot + 1)


def forms(key: Key, form: str) -> list[bytes]:
    """The texts that are looked up for a key."""
    if form == INTERNAL or key.text.startswith(b"@") or b"@" not in key.text and key.domain:
        return [key.text]
    flags = FLAG_8BITCLEAN if key.domain else FLAG_8BITCLEAN | FLAG_BARE_LOCALPART
    outside = quote(key.text, flags)
    return [outside, key.text] if form == EXTERNAL_FIRST and outside != key.text else [outside]


def find(tables: MapList, address: bytes, strategy: int = DEFAULT, delimiters: bytes = b"",
         is_local: Callable[[bytes], bool] | None = None, form: str = EXTERNAL) -> Found | None:
    """The first answer that the tables have for an address (internal form). Only where `tables.local`.

    Raises TableError.
    """
    for key in keys(address, strategy, delimiters, is_local):
        for text in forms(key, form):
            value = tables.get(text) if key.whole else tables.get_fixed(text)
            if value is not None:
                return Found(value, key.extension)
    return None


async def lookup(tables: MapList, address: bytes, strategy: int = DEFAULT, delimiters: bytes = b"",
                 is_local: Callable[[bytes], bool] | None = None, form: str = EXTERNAL) -> Found | None:
    """As find(), for tables of every kind."""
    for key in keys(address, strategy, delimiters, is_local):
        for text in forms(key, form):
            value = await (tables.lookup(text) if key.whole else tables.lookup_fixed(text))
            if value is not None:
                return Found(value, key.extension)
    return None
