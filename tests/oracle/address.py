"""Plain-Python twin of pyfix._core.address and pyfix._core.quote: the oracle of their tests."""

from tests.oracle import tok822

SPECIALS = frozenset(b"()<>@,;:\\\"[]")


def parse_path(text: bytes, strict: bool = False, allow_empty: bool = False) -> bytes | None:
    """The internal form, None if the path is refused."""
    if strict and not text.startswith(b"<") or b"\0" in text:
        return None
    inner = text[1:-1] if len(text) > 1 and text[:1] == b"<" and text[-1:] == b">" else text
    if inner.startswith(b"@") and b":" in inner:
        inner = inner.partition(b":")[2]
    tree = tok822.parse(inner)
    addresses = [members for kind, members in tree if kind == tok822.ADDR]
    others = [kind for kind, _ in tree if kind not in (tok822.ADDR, 60, 62)]
    if len(addresses) > 1 or (strict and others):
        return None
    found = tok822.internalize(addresses[0], True) if addresses else b""
    if not found and not allow_empty or strict and found.startswith(b"@"):
        return None
    return found


def is_dot_string(local: bytes) -> bool:
    """Does this local part need no quotes?"""
    return (local != b"" and local[:1] != b"." and local[-1:] != b"." and b".." not in local
            and all(c > 32 and c != 127 and c not in SPECIALS for c in local))


def quote(address: bytes) -> bytes:
    """External form."""
    route = address[:address.find(b":") + 1] if address.startswith(b"@") and b":" in address else b""
    local, at, domain = address[len(route):].rpartition(b"@")
    if not at:
        local, domain = domain, b""
    if not is_dot_string(local):
        local = b'"' + b"".join(b"\\" + bytes((c,)) if c in b'"\\\r' else bytes((c,)) for c in local) + b'"'
    return route + local + at + domain


def unquote(address: bytes) -> bytes:
    """Internal form."""
    at = address.find(b":") + 1 if address.startswith(b"@") and b":" in address else 0
    out, quoted, bare = bytearray(address[:at]), False, None
    while at < len(address):
        c = address[at]
        if c == 34:
            quoted = not quoted
            at += 1
            continue
        if c == 64 and not quoted:
            bare = (at, len(out))
        if c == 92:
            at += 1
            if at == len(address):
                break
        out.append(address[at])
        at += 1
    return bytes(out) if bare is None else bytes(out[:bare[1]]) + address[bare[0]:]
