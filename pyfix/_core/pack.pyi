"""msgpack for the records that every message needs. C-level: see ext/pyfix/_core/pack.pxd."""

from typing import Any

class Packer:
    """Gathers one msgpack value."""

def pack(value: Any) -> bytes:
    """Any value packed: lists, dicts, numbers, bytes, str, None, booleans. TypeError, ValueError, OverflowError."""

def packed(value: Any) -> bytes:
    """A value of lists, dicts, non-negative numbers, bytes and str, packed. ValueError: a negative number."""
