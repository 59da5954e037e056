"""The files of sdbm, Ozan Yigit's public domain ndbm: name.pag holds pages of entries, name.dir says which were split.

A page (little-endian 16-bit numbers): twice the number of its entries, then for each entry where its key and where its
value start; the texts stand from the end of the page downwards. A key's page is found by walking a binary tree: bit n
of name.dir is set where node n was split, the children of n are 2n+1 and 2n+2, and the hash says bit by bit which one.
The classic library (and Perl's) has pages of 1024 bytes, Apache's has 8192: both are read, the classic one is written.
Bytes in, values out: no files here (`pyfix.maps.sdbm` opens them).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import TableError

PAGE, APACHE_PAGE = 1024, 8192
#: a page of name.dir
DIRECTORY = 4096
#: a key and its value together may have so many bytes
PAIR_MAX = 1008
#: splits of a page in a row that may leave everything on one side
SPLITS = 10

Item = tuple[int, bytes, bytes]


def sdbm_hash(key: bytes) -> int:
    """The lower 32 bits of the library's hash; it takes a byte for a signed number."""
    n = 0
    for byte in key:
        n = n * 65599 + (byte - 256 if byte > 127 else byte) & 0xFFFFFFFF
    return n


class SdbmFile:
    """Both files in memory. `title` ("type:name") goes into errors."""

    def __init__(self, directory: bytes, pages: Any, title: str) -> None:
        self.directory, self.pages, self.title = directory, pages, title
        self.size = self._page_size()

    def _page_size(self) -> int:
        """By the first page that has an entry: its first key ends where the page does."""
        for at in range(0, len(self.pages) - 3, APACHE_PAGE):
            count, first = struct.unpack_from("<HH", self.pages, at)
            if count:
                return APACHE_PAGE if first > PAGE else PAGE
        return PAGE

    def _split(self, node: int) -> bool:
        return node >> 3 < len(self.directory) and bool(self.directory[node >> 3] >> (node & 7) & 1)

    def _page_of(self, key: bytes) -> int:
        hashed, node, depth = sdbm_hash(key), 0, 0
        while depth < 32 and self._split(node):
            node = 2 * node + 1 + (hashed >> depth & 1)
            depth += 1
        return hashed & ((1 << depth) - 1)

    def _entries(self, number: int) -> Iterator[tuple[bytes, bytes]]:
        """The entries of a page. Raises TableError where it is damaged."""
        page = bytes(self.pages[number * self.size:(number + 1) * self.size])
        count = struct.unpack_from("<H", page)[0] if len(page) >= 2 else 0
        if not count:
            return
        if count % 2 or 2 * count + 2 > len(page):
            raise TableError(self.title, f"damaged page {number}")
        places = struct.unpack_from(f"<{count}H", page, 2)
        end = self.size
        for key, value in zip(places[::2], places[1::2], strict=True):
            if not 2 * count + 2 <= value <= key <= end <= len(page):
                raise TableError(self.title, f"damaged page {number}")
            yield page[key:end], page[value:key]
            end = value

    def find(self, key: bytes) -> bytes | None:
        """The value of `key` as it stands, or None. Raises TableError."""
        for found, value in self._entries(self._page_of(key)):
            if found == key:
                return value
        return None

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every (key, value), page by page. Raises TableError."""
        for number in range(-(-len(self.pages) // self.size)):
            yield from self._entries(number)


def _fits(items: list[Item]) -> bool:
    return sum(len(key) + len(value) + 4 for _, key, value in items) + 2 <= PAGE


def _page(items: list[Item]) -> bytes:
    """One page with these entries."""
    places, texts, end = [], [], PAGE
    for _, key, value in items:
        places += [end - len(key), end - len(key) - len(value)]
        texts += [key, value]
        end = places[-1]
    head = struct.pack(f"<H{len(places)}H", len(places), *places)
    return head.ljust(end, b"\0") + b"".join(reversed(texts))


def build(pairs: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, dict[int, bytes]]:
    """(name.dir, {number: page} of name.pag) with pairs of different keys.

    Raises OverflowError with a text where an entry does not fit into a page, or too many keys have one hash.
    """
    first: list[Item] = [(sdbm_hash(key), key, value) for key, value in pairs]
    for _, key, value in first:
        if len(key) + len(value) > PAIR_MAX:
            raise OverflowError(f"an entry has more than {PAIR_MAX} bytes")
    pages: dict[int, bytes] = {}
    split: list[int] = []
    waiting = [(0, 0, 0, 0, first)]
    while waiting:
        node, depth, number, lonely, items = waiting.pop()
        if _fits(items):
            if items:
                pages[number] = _page(items)
            continue
        sides: tuple[list[Item], list[Item]] = ([], [])
        for item in items:
            sides[item[0] >> depth & 1].append(item)
        lonely = 0 if sides[0] and sides[1] else lonely + 1
        if lonely > SPLITS or depth > 30:
            raise OverflowError("too many keys with the same hash")
        split.append(node)
        waiting += [(2 * node + 1 + bit, depth + 1, number | bit << depth, lonely, sides[bit]) for bit in (0, 1)]
    return _bits(split), pages


def _bits(nodes: list[int]) -> bytes:
    """name.dir: whole pages of it, as the library writes them; empty where nothing was split."""
    if not nodes:
        return b""
    size = (max(nodes) >> 3) + 1
    out = bytearray(-(-size // DIRECTORY) * DIRECTORY)
    for node in nodes:
        out[node >> 3] |= 1 << (node & 7)
    return bytes(out)
