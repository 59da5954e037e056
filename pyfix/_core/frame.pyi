"""Log records: header, checksums, and the block at the head of a segment (docs/queue.md "Format")."""

def checksum(data: bytes, crc: int = 0) -> int:
    """CRC32C of `data`, going on from `crc`."""

def checksum_soft(data: bytes) -> int:
    """The same by table, as on a machine without the instruction."""

def seed(salt: int, number: int) -> int:
    """Where the checksums of a segment's records begin."""

def encode(kind: int, head: bytes, body: bytes, salt: int, number: int, offset: int, durable: int) -> bytes:
    """A whole record, padded."""

def decode(data: bytes, salt: int, number: int, offset: int, limit: int) -> tuple[int, int, bytes, bytes | None, int, int] | tuple[int]:
    """What begins at `data`: (GOOD, kind, head, body or None when damaged, length, durable), or (NOTHING | SHORT | BAD,)."""

def segment_head(number: int, kind: int, size: int, salt: int, name: bytes) -> bytes:
    """The START bytes at the head of a segment. ValueError: the name has more than 63 bytes."""

def segment_read(block: bytes) -> tuple[int, int, int, int, bytes] | None:
    """(number, kind, size, salt, name) of a segment's head, None when no copy of it is whole."""
