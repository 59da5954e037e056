"""Log records in plain Python: the oracle of pyfix._core.frame."""

import struct

GOOD, NOTHING, SHORT, BAD = 0, 1, 2, 3


def checksum(data: bytes, crc: int = 0) -> int:
    """CRC32C, bit by bit (RFC 3720, appendix B.4)."""
    crc ^= 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def seed(salt: int, number: int) -> int:
    return checksum(struct.pack("<QI", salt, number))


def encode(kind: int, head: bytes, body: bytes, salt: int, number: int, offset: int, durable: int) -> bytes:
    start, length = seed(salt, number), 32 + len(head) + len(body)
    header = struct.pack("<7I", salt & 0xffffffff, length, offset, durable, len(head), kind, checksum(body, start))
    record = header + struct.pack("<I", checksum(head, checksum(header, start))) + head + body
    return record + bytes(-len(record) % 8)


def decode(data: bytes, salt: int, number: int, offset: int, limit: int) -> tuple:
    start = seed(salt, number)
    if limit - offset < 32:
        return (NOTHING,)
    if len(data) < 32:
        return (SHORT,)
    magic, length, at, durable, head, kind, body_crc, head_crc = struct.unpack_from("<8I", data)
    if magic != salt & 0xffffffff:
        return (NOTHING,)
    if at != offset or not 32 <= length <= limit - offset or head > length - 32:
        return (BAD,)
    if len(data) - 32 < head:
        return (SHORT,)
    if checksum(data[32:32 + head], checksum(data[:28], start)) != head_crc or durable > offset:
        return (BAD,)
    if len(data) < length:
        return (SHORT,)
    body = data[32 + head:length]
    return GOOD, kind, data[32:32 + head], body if checksum(body, start) == body_crc else None, length, durable
