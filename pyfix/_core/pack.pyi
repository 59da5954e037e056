"""msgpack for the records that every message needs. C-level: see ext/pyfix/_core/pack.pxd."""

from typing import Any

class Packer:
    """Gathers one msgpack value."""

def packed(value: Any) -> bytes:
    """A value of lists, dicts, non-negative numbers, bytes and str, packed. ValueError: a negative number."""
