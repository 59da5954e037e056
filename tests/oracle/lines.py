"""Plain-Python twin of `pyfix.telemetry.lines`: what a log line may hold."""

TEXT_LIMIT = 2000
REFUSED = {*range(0x80, 0xA0), 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)}


def bounded(text: bytes) -> bytes:
    """At most TEXT_LIMIT bytes, not cut inside a UTF-8 sequence."""
    if len(text) <= TEXT_LIMIT:
        return text
    end = TEXT_LIMIT
    while end > TEXT_LIMIT - 4 and text[end] & 0xC0 == 0x80:
        end -= 1
    return text[:end]


def masked(text: bytes) -> bytes:
    """`text` bounded, each byte "?" that is not part of a printable character."""
    text, out, at = bounded(text), bytearray(), 0
    while at < len(text):
        for size in (1, 2, 3, 4):
            try:
                character = text[at:at + size].decode("utf-8")
            except UnicodeDecodeError:
                continue
            if len(character) == 1 and ord(character) >= 32 and ord(character) != 127 and ord(character) not in REFUSED:
                out += text[at:at + size]
                at += size
                break
        else:
            out += b"?"
            at += 1
    return bytes(out)
