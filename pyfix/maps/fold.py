"""Folding the case of keys: ASCII at once, UTF-8 by Unicode case folding (casefold(3) of Postfix, smtputf8_enable).

Text that is not UTF-8 is folded as ASCII; its other bytes stay.
"""


def casefold(text: bytes) -> bytes:
    """`text` folded: "Abc" -> "abc", "Ä" -> "ä", bytes that are not UTF-8 unchanged."""
    if text.isascii():
        return text.lower()
    try:
        return text.decode("utf-8").casefold().encode("utf-8")
    except UnicodeDecodeError:
        return text.lower()


def utf8_trouble(text: bytes) -> str:
    """What is wrong with `text` as UTF-8; empty: nothing."""
    if not text.isascii():
        try:
            text.decode("utf-8")
        except UnicodeDecodeError:
            return "malformed UTF-8 or invalid codepoint"
    return ""


def fold_address(address: bytes, user: bool = True, host: bool = True) -> bytes:
    """Fold the local part and/or the domain of an address; without "@" all of it is local part (fold_addr(3))."""
    if user and host:
        return casefold(address)
    at = address.rfind(b"@")
    local, domain = (address, b"") if at < 0 else (address[:at], address[at:])
    return (casefold(local) if user else local) + (casefold(domain) if host else domain)
