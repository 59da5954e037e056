"""The table image and the postmap source syntax in plain Python: what `_core.hashmap` and `_core.hashbuild` are held to."""

import struct
import zlib

MASK = (1 << 64) - 1
WHITE = b" \t\n\v\f\r"


def _rotate(x, bits):
    return (x << bits | x >> (64 - bits)) & MASK


def _round(v):
    v[0] = (v[0] + v[1]) & MASK
    v[1] = _rotate(v[1], 13) ^ v[0]
    v[0] = _rotate(v[0], 32)
    v[2] = (v[2] + v[3]) & MASK
    v[3] = _rotate(v[3], 16) ^ v[2]
    v[0] = (v[0] + v[3]) & MASK
    v[3] = _rotate(v[3], 21) ^ v[0]
    v[2] = (v[2] + v[1]) & MASK
    v[1] = _rotate(v[1], 17) ^ v[2]
    v[2] = _rotate(v[2], 32)


def siphash13(seed, data):
    """SipHash-1-3 of `data` under a 16-byte seed."""
    k0, k1 = struct.unpack("<QQ", seed)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]
    tail = data[len(data) & ~7:]
    words = [*struct.unpack(f"<{len(data) // 8}Q", data[:len(data) & ~7]),
             int.from_bytes(tail, "little") | (len(data) & 255) << 56]
    for word in words:
        v[3] ^= word
        _round(v)
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(3):
        _round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def logical_lines(data):
    """[(first line, text)]: continued lines joined, comments and empty lines passed over."""
    rows = data.split(b"\n")
    if rows and not rows[-1]:
        rows.pop()
    out, text, first = [], None, 0
    for number, row in enumerate(rows, 1):
        if text is not None and row[:1] and row[0] not in WHITE and row[0] != 0x23:
            out.append((first, text))
            text = None
        start = row.lstrip(WHITE)
        if start and not start.startswith(b"#"):
            if text is None:
                text, first = row, number
            else:
                text += row
    if text is not None:
        out.append((first, text))
    return out


def split_key(text):
    """(length of the key, whether a quote is open)."""
    at, quoted = 0, False
    while at < len(text):
        if text[at] == 0x5C:
            at += 1
            if at >= len(text):
                break
        elif text[at] == 0x22:
            quoted = not quoted
        elif not quoted and text[at] in WHITE:
            break
        at += 1
    return min(at, len(text)), quoted


def parse(data, fold=False, utf8=False, casefold=bytes.lower):
    """([(key, value, line)], [(entries before it, line, kind, text)])."""
    entries, events = [], []
    for line, text in logical_lines(data):
        def note(kind, line=line, text=text):
            events.append((len(entries), line, kind, text))
        if text[0] in WHITE:
            note("leading")
            continue
        if utf8:
            try:
                text.decode()
            except UnicodeDecodeError:
                note("utf8")
                continue
        end, open_quote = split_key(text)
        key, value = text[:end], text[end:].strip(WHITE)
        if open_quote:
            note("quote")
        elif not value:
            note("format")
        else:
            if key.endswith(b":"):
                note("colon")
            if fold:
                key = casefold(key) if utf8 and not key.isascii() else key.lower()
            entries.append((key, value, line))
    return entries, events


def image(entries, seed, keep_last=False):
    """The image of [(key, value, line)]."""
    kept = {}
    for key, value, _ in entries:
        if key not in kept or keep_last:
            kept[key] = value
    number = len(entries) // 3 + 1
    buckets = [[] for _ in range(number)]
    for key, value in kept.items():
        hashed = siphash13(seed, key)
        buckets[hashed * number >> 64].append((hashed & 255, struct.pack("<II", len(key), len(value)) + key + value))
    index, body = [], b""
    for bucket in buckets:
        index.append(len(body) // 16)
        body += struct.pack("<H", len(bucket)) + bytes(tag for tag, _ in bucket) + b"".join(text for _, text in bucket)
        body += bytes(-len(body) % 16)
    table = struct.pack(f"<{number}I", *index)
    table += bytes(-len(table) % 16)
    start = 96 + len(table)
    head = b"pyfixmap" + struct.pack("<II", 2, 0) + seed + struct.pack(
        "<QQQQQ", len(kept), number, 96, start, start + len(body)) + bytes(20)
    return head + struct.pack("<I", zlib.crc32(head)) + table + body
