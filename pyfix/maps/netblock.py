"""Network blocks as cidr: tables and mynetworks write them (cidr_table(5)): `address`, `net/bits`, both also in [ ]."""

from __future__ import annotations

from _socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import NamedTuple


class BlockError(Exception):
    """Text that is no network block; says why."""


class Block(NamedTuple):
    """`width` is 32 or 128; `bits` of them count; `net` is the address as a number, right-aligned to `bits`."""

    width: int
    bits: int
    net: int


def parse_address(text: bytes) -> tuple[int, int] | None:
    """(width, number) of an IPv4 or IPv6 address, strictly written; None for anything else."""
    try:
        plain = text.decode("ascii")
        if ":" in plain:
            return 128, int.from_bytes(inet_pton(AF_INET6, plain), "big")
        return 32, int.from_bytes(inet_pton(AF_INET, plain), "big")
    except (OSError, ValueError):
        return None


def show_address(width: int, number: int) -> str:
    """The usual text of an address."""
    family = AF_INET if width == 32 else AF_INET6
    return inet_ntop(family, number.to_bytes(width // 8, "big"))


def _split(text: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """(the whole, network, b"/" or b"", mask) without brackets around the network; a mask behind them is the mask."""
    if not text.startswith(b"["):
        return text, *text.partition(b"/")
    close = text.find(b"]")
    shown = text.decode("utf-8", "surrogateescape")
    if close < 0:
        raise BlockError(f"missing ']' character after \"{shown}\"")
    if text[close + 1:close + 2] not in (b"", b"/"):
        raise BlockError(f'garbage after "{shown[:close + 1]}"')
    inner, rest = text[1:close], text[close + 1:]
    return inner + rest, *((inner, b"/", rest[1:]) if rest else inner.partition(b"/"))


def parse_block(text: bytes) -> Block:
    """The block that `text` names. Raises BlockError."""
    plain, head, slash, mask = _split(text)
    shown = plain.decode("utf-8", "surrogateescape")
    if not slash:
        address = parse_address(plain)
        if address is None:
            raise BlockError(f'bad address pattern: "{shown}"')
        return Block(address[0], address[0], address[1])
    if not mask.isdigit():
        raise BlockError(f'bad mask value in "{shown}"')
    bits = int(mask[:9])
    if bits > (128 if b":" in head else 32):
        raise BlockError(f'bad mask length in "{shown}"')
    address = parse_address(head)
    if address is None:
        raise BlockError(f'bad network value in "{shown}"')
    width, number = address
    rest = width - bits
    if number & ((1 << rest) - 1):
        better = show_address(width, number >> rest << rest)
        raise BlockError(f'non-null host address bits in "{shown}", perhaps you should use "{better}/{bits}" instead')
    return Block(width, bits, number >> rest)


class BlockIndex:
    """Which of many blocks comes first that holds an address: one dictionary look-up for each length of mask."""

    def __init__(self) -> None:
        self._first: dict[int, dict[int, dict[int, int]]] = {32: {}, 128: {}}

    def add(self, block: Block, place: int) -> None:
        """`place` grows from block to block."""
        self._first[block.width].setdefault(block.bits, {}).setdefault(block.net, place)

    def find(self, width: int, number: int) -> int:
        """The smallest place of a block with that address, or -1."""
        best = -1
        for bits, nets in self._first[width].items():
            place = nets.get(number >> (width - bits), -1)
            if place >= 0 and (best < 0 or place < best):
                best = place
        return best
