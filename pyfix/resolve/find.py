"""Tables that are looked up by address: key forms, their order, and what becomes of the result.

Law: each key form is tried in all tables before the next form; the whole address may meet
any table, a part of it only tables with fixed keys; every form is tried quoted
first and then, if that differs, unquoted. A table error ends the search.

Source: canonical(5), virtual(5), relocated(5), generic(5), transport(5) TABLE SEARCH ORDER.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from pyfix._core import tok822
from pyfix._core.address import quote, strip_extension, unquote
from pyfix._core.quote import FLAG_8BITCLEAN, FLAG_BARE_LOCALPART
from pyfix.maps import MapList

# Key forms; DEFAULT is that of canonical(5) and most others.
FULL, NOEXT, LOCALPART_IF_LOCAL, LOCALPART_AT_IF_LOCAL = 1, 2, 4, 8
AT_DOMAIN, DOMAIN, PARENTS, DOT_PARENTS, LOCALPART_AT = 16, 32, 64, 128, 256
DEFAULT = FULL | NOEXT | LOCALPART_IF_LOCAL | AT_DOMAIN

Key = tuple[bytes, bool, bytes]


class Style(NamedTuple):
    """What shapes the keys: recipient_delimiter, owner_request_special, double_bounce_sender."""

    delimiters: bytes = b""
    owner_request_special: bool = True
    double_bounce: bytes = b"double-bounce"


def keys(address: bytes, style: Style, local: bool, forms: int = DEFAULT) -> Iterator[Key]:
    """(key, is it the whole address?, extension that the key lacks) in the order of lookup.

    `address`: internal form; `local`: its domain is $myorigin, in $mydestination or an own address.
    """
    bare = strip_extension(address, *style) if style.delimiters else None
    user, at, domain = address.rpartition(b"@")
    if not at:
        user, domain = address, b""
    short, extension = bare if bare else (b"", b"")
    if forms & FULL:
        yield from _both(address, FLAG_8BITCLEAN, True, b"")
    if forms & NOEXT and bare:
        yield from _both(short, FLAG_8BITCLEAN, False, extension)
    if not at:
        return
    if local and forms & (LOCALPART_IF_LOCAL | LOCALPART_AT_IF_LOCAL):
        tail = b"@" if forms & LOCALPART_AT_IF_LOCAL else b""
        yield from _local(user, short, extension, tail)
    if forms & AT_DOMAIN:
        yield b"@" + domain, False, b""
    if forms & DOMAIN and domain:
        yield domain, False, b""
        yield from _parents(domain, forms)
    if forms & LOCALPART_AT:
        yield from _local(user, short, extension, b"@")


def _both(key: bytes, flags: int, whole: bool, extension: bytes) -> Iterator[Key]:
    quoted = quote(key, flags)
    yield quoted, whole, extension
    if quoted != key:
        yield key, whole, extension


def _local(user: bytes, short: bytes, extension: bytes, tail: bytes) -> Iterator[Key]:
    flags = FLAG_8BITCLEAN | (0 if tail else FLAG_BARE_LOCALPART)
    yield from _both(user + tail, flags, False, b"")
    if extension:
        yield from _both(short.rpartition(b"@")[0] + tail, flags, False, extension)


def _parents(domain: bytes, forms: int) -> Iterator[Key]:
    at = domain.find(b".", 1)
    while at >= 0 and forms & (PARENTS | DOT_PARENTS):
        yield domain[at + 1:] if forms & PARENTS else domain[at:], False, b""
        at = domain.find(b".", at + 1)


def find(tables: MapList, candidates: Iterable[Key]) -> tuple[bytes | None, bytes]:
    """(value, extension not matched) of the first key that is found; (None, b"") if none. Only where tables.local."""
    if tables.only is not None:
        forms = list(candidates)
        at, value = tables.only.first([form[0] for form in forms])
        return value, forms[at][2] if value is not None else b""
    for key, whole, extension in candidates:
        value = tables.get(key) if whole else tables.get_fixed(key)
        if value is not None:
            return value, extension
    return None, b""


async def lookup(tables: MapList, candidates: Iterable[Key]) -> tuple[bytes | None, bytes]:
    """As find(), for tables of every kind; does not wait where they are local."""
    if tables.local:
        return find(tables, candidates)
    for key, whole, extension in candidates:
        value = await (tables.lookup(key) if whole else tables.lookup_fixed(key))
        if value is not None:
            return value, extension
    return None, b""


def crunch(value: bytes, extension: bytes, rewrite: Callable[[bytes], bytes]) -> list[bytes]:
    """The addresses (internal form) of a result: an address list in external form, each rewritten and extended."""
    result = []
    for kind, members in tok822.parse(value):
        if kind == tok822.OP_ADDR:
            address = rewrite(unquote(tok822.externalize(members, inside=True)))
            result.append(extend(address, extension))
    return result


def extend(address: bytes, extension: bytes) -> bytes:
    """The address with `extension` (with its delimiter) at the end of the local part."""
    if not extension:
        return address
    user, at, domain = address.rpartition(b"@")
    return user + extension + at + domain if at else address + extension


def expand(address: bytes, value: bytes, extension: bytes, propagate: bool,
           rewrite: Callable[[bytes], bytes]) -> list[bytes]:
    """What a table's value makes of `address`: its list, or for "@other" the same user there.

    `extension`: what the key lacked, moved to each result if `propagate`.
    """
    if value.startswith(b"@"):
        user, at, _ = address.rpartition(b"@")
        return crunch(quote((user if at else address) + value), b"", rewrite)
    return crunch(value, extension if propagate else b"", rewrite)
