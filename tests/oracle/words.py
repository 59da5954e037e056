"""Plain-Python twins of `_core.chars`, `_core.command`, `_core.envelope`, `_core.reply`.

Law: RFC 3629 (UTF-8), RFC 1123 (host names), RFC 5321 4.1.1 and 4.2, RFC 3461 4.1 (NOTIFY), RFC 3463 (enhanced codes).
"""

import re

from tests.oracle.lines import REFUSED

PRINT = frozenset(range(32, 127))
ATOM = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LABEL = re.compile(rb"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
BLANKS = b" \t\r\n\v\f"
ESCAPES = {7: b"\\a", 8: b"\\b", 9: b"\\t", 10: b"\\n", 11: b"\\v", 12: b"\\f", 13: b"\\r", 92: b"\\\\"}
NOTIFY = {b"never": 1, b"success": 2, b"failure": 4, b"delay": 8}
LONGEST = 4096
TOKENS = 64


# ---- chars

def characters(data: bytes):
    """Each well-formed character as text, each byte that is part of none as int."""
    at = 0
    while at < len(data):
        for size in (1, 2, 3, 4):
            try:
                text = data[at:at + size].decode("utf-8")
            except UnicodeDecodeError:
                continue
            if len(text) == 1:
                yield text
                at += size
                break
        else:
            yield data[at]
            at += 1


def printable(data: bytes) -> bytes:
    out = bytearray()
    for one in characters(data):
        if isinstance(one, int):
            out += b"?"
        elif ord(one) < 128:
            out += one.encode() if ord(one) in PRINT else b"?"
        else:
            out += b"?" * len(one.encode()) if ord(one) in REFUSED else one.encode()
    return bytes(out)


def escaped(data: bytes) -> bytes:
    return b"".join(ESCAPES.get(c) or (b"%c" % c if c in PRINT else b"\\%03o" % c) for c in data)


def valid_utf8(data: bytes) -> bool:
    return not any(isinstance(one, int) for one in characters(data))


def valid_hostname(data: bytes) -> bool:
    data = data.removesuffix(b".")
    return 0 < len(data) <= 255 and all(LABEL.fullmatch(label) for label in data.split(b".")) \
        and re.fullmatch(rb"[0-9.]*", data) is None


def is_header(data: bytes) -> bool:
    return re.match(rb"[!-9;-~]+[ \t]*:", data) is not None


def plain_address(data: bytes) -> bool:
    local, at, domain = data.partition(b"@")
    return bool(local and at) and not local.startswith(b".") and not re.search(rb'[!%"\\ \t-\r]', local) \
        and re.fullmatch(rb"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", domain) is not None


# ---- command

def tokens(line: bytes) -> list[tuple[str, bytes]]:
    found, at = [], 0
    while len(found) < TOKENS:
        while at < len(line) and line[at] in BLANKS:
            at += 1
        if at == len(line):
            break
        start, kind = at, "other"
        while at < len(line) and line[at] not in BLANKS:
            c = line[at:at + 1]
            if c in (b"<", b'"'):
                at, whole = quoted(line, at)
                kind = kind if whole else "error"
            elif c == b"\\" and at + 1 < len(line):
                at += 2
            else:
                at += 1
                if c == b":" and line[start:at].lower() in (b"to:", b"from:"):
                    break
        found.append((kind, line[start:at]))
    return found


def quoted(line: bytes, at: int) -> tuple[int, bool]:
    """(where the "..." or <...> that starts at `at` ends, whether it does); quotes and brackets nest in brackets."""
    parts = re.compile(rb'\\.|"(?:\\.|[^\\"])*"|[^\\]', re.S)
    if line[at] == 34:
        match = parts.match(line, at)
        return (match.end(), True) if match and len(match[0]) > 1 else (len(line), False)
    depth = 0
    for match in parts.finditer(line, at):
        if match[0] == b'"':
            break
        depth += {b"<": 1, b">": -1}.get(match[0], 0)
        if depth == 0:
            return match.end(), True
    return len(line), False


# ---- envelope

def path(raw: bytes) -> bytes | None:
    inside = raw[1:-1]
    if len(raw) < 2 or raw[:1] != b"<" or raw[-1:] != b">" or inside[:1] == b"-":
        return None
    if not inside:
        return b""
    match = re.fullmatch(rb"(%b(?:\.+%b)*)(?:@(.*))?" % (ATOM, ATOM), inside, re.S)
    if match is None or b"%" in match[1] or b"!" in match[1] or match[2] is not None and (not valid_hostname(match[2]) or match[2].endswith(b".")):
        return None
    return inside


def notify(value: bytes) -> int:
    words = {word for word in value.lower().split(b",") if word}
    if words - NOTIFY.keys() or b"never" in words and len(words) > 1:
        return 0
    return sum(NOTIFY[word] for word in words)


# ---- reply

def is_enhanced_code(data: bytes) -> bool:
    return re.fullmatch(rb"[245]\.[0-9]{1,3}\.[0-9]{1,3}", data) is not None


def format_reply(code: int, dsn: bytes, text: bytes) -> bytes:
    if not 200 <= code <= 599 or dsn and not is_enhanced_code(dsn):
        raise ValueError
    line = b"%d%b %b" % (code // 100, dsn[1:], text) if dsn else text
    return b"%d %b\r\n" % (code, bytes(32 if c < 32 or c == 127 else c for c in line[:LONGEST - 4]))
