"""The plain-Python twin of `pyfix.maps.cdbfile`, written from cdb(5)."""

import struct


def cdb_hash(key: bytes) -> int:
    h = 5381
    for byte in key:
        h = (h * 33 ^ byte) & 0xffffffff
    return h


def build(entries: list[tuple[bytes, bytes]]) -> bytes:
    """The file: 256 table heads, the records, the tables (each twice as large as its keys)."""
    records, boxes = b"", [[] for _ in range(256)]
    for key, value in entries:
        boxes[cdb_hash(key) & 255].append((cdb_hash(key), 2048 + len(records)))
        records += struct.pack("<II", len(key), len(value)) + key + value
    heads, tables, at = b"", b"", 2048 + len(records)
    for box in boxes:
        slots = [(0, 0)] * (2 * len(box))
        for h, place in box:
            slot = (h >> 8) % len(slots)
            while slots[slot][1]:
                slot = (slot + 1) % len(slots)
            slots[slot] = (h, place)
        heads += struct.pack("<II", at + len(tables), len(slots))
        tables += b"".join(struct.pack("<II", *slot) for slot in slots)
    return heads + records + tables


def find(data: bytes, key: bytes) -> bytes | None:
    """The first value of a key. ValueError: the file is damaged there."""
    h = cdb_hash(key)
    table, slots = word(data, (h & 255) * 8)
    if slots and table + slots * 8 > len(data):
        raise ValueError("table")
    for step in range(slots):
        found, place = word(data, table + ((h >> 8) + step) % slots * 8)
        if not place:
            return None
        if found == h:
            klen, vlen = entry(data, place)
            if data[place + 8:place + 8 + klen] == key:
                return data[place + 8 + klen:place + 8 + klen + vlen]
    return None


def items(data: bytes) -> list[tuple[bytes, bytes]]:
    """Every entry in the order of the file. ValueError: damaged."""
    at, end = 2048, min(word(data, box * 8)[0] for box in range(256))
    found = []
    while at < end:
        klen, vlen = entry(data, at)
        found.append((data[at + 8:at + 8 + klen], data[at + 8 + klen:at + 8 + klen + vlen]))
        at += 8 + klen + vlen
    return found


def entry(data: bytes, at: int) -> tuple[int, int]:
    """The lengths of a record. ValueError: it does not fit into the file."""
    if at < 2048 or at + 8 > len(data) or at + 8 + sum(word(data, at)) > len(data):
        raise ValueError("record")
    return word(data, at)


def word(data: bytes, at: int) -> tuple[int, int]:
    """The pair of numbers at an offset."""
    return struct.unpack_from("<II", data, at)
