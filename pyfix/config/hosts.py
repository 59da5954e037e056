"""Syntax of host names and addresses in configuration and protocol. Law: RFC 1034, 1123, 4291.

Each function takes text and returns whether it is valid; `warn`, if given,
hears why not, in Postfix's words.
"""

from collections.abc import Callable

Warn = Callable[[str], None]
NAME_MAX, LABEL_MAX = 255, 63
_HEX = frozenset("0123456789abcdefABCDEF")


def _quiet(text: str) -> None:
    """Say nothing."""


def valid_hostname(name: str, wildcard: bool = False, warn: Warn = _quiet) -> bool:
    """Letters, digits, hyphens, underscores in labels of 1 to 63; `wildcard` allows a first label "*"."""
    reason = _hostname_error(name, wildcard)
    if reason:
        warn(f"valid_hostname: {reason}")
    return not reason


def _hostname_error(name: str, wildcard: bool) -> str:
    if not name:
        return "empty hostname"
    label, numeric, previous = 0, True, "."
    for at, char in enumerate(name):
        following = name[at + 1:at + 2]
        if char.isascii() and (char.isalnum() or char == "_"):
            label += 1
            numeric = numeric and char.isdigit()
            if label > LABEL_MAX:
                return f"hostname label too long: {name[:100]}"
        elif char == "*" and wildcard:
            if at or following not in (".",):
                return f"'*' can be the first label only: {name[:100]}"
            label, numeric = 1, False
        elif char == ".":
            if previous == "." or not following:
                return f"misplaced delimiter: {name[:100]}"
            label = 0
        elif char == "-":
            label, numeric = label + 1, False
            if previous == "." or following in ("", "."):
                return f"misplaced hyphen: {name[:100]}"
        else:
            return f"invalid character {_code(char)}(decimal): {name[:100]}"
        previous = char
    if numeric:
        return f"numeric hostname: {name[:100]}"
    return f"bad length {len(name)} for {name[:100]}..." if len(name) > NAME_MAX else ""


def _code(char: str) -> int:
    return char.encode("utf-8", "surrogateescape")[0]


def valid_hostaddr(text: str, warn: Warn = _quiet) -> bool:
    """An IPv4 or IPv6 address in text form."""
    if not text:
        warn("valid_hostaddr: empty address")
        return False
    return valid_ipv6_hostaddr(text, warn) if ":" in text else valid_ipv4_hostaddr(text, warn)


def valid_ipv4_hostaddr(text: str, warn: Warn = _quiet) -> bool:
    """Four numbers of 0 to 255; a first 0 only as 0.0.0.0."""
    reason = _ipv4_error(text)
    if reason:
        warn(f"valid_ipv4_hostaddr: {reason}: {text[:100]}")
    return not reason


def _ipv4_error(text: str) -> str:
    count, inside, value = 0, False, 0
    for at, char in enumerate(text):
        if "0" <= char <= "9":
            if not inside:
                inside, value, count = True, 0, count + 1
            value = value * 10 + int(char)
            if value > 255:
                return "invalid octet value"
        elif char == ".":
            if not inside or not text[at + 1:]:
                return "misplaced dot"
            if count == 1 and value == 0 and text.strip("0.") != "":
                return "bad initial octet value"
            inside = False
        else:
            return f"invalid character {_code(char)}(decimal)"
    return "" if count == 4 else "invalid octet count"


def valid_ipv6_hostaddr(text: str, warn: Warn = _quiet) -> bool:
    """Eight groups of up to four hex digits, one :: for a run of zeros, an IPv4 tail."""
    reason = _ipv6_error(text)
    if reason:
        warn(f"valid_ipv6_hostaddr: {reason}: {text[:100]}")
    return not reason


def _ipv6_error(text: str) -> str:
    fields, null_run, at = 0, False, 0
    while at < len(text):
        char = text[at]
        if char in _HEX:
            end = at
            while end < len(text) and text[end] in _HEX:
                end += 1
            if text[end:end + 1] == ".":
                return _ipv4_tail(text, at)
            if end - at > 4:
                return f"malformed IPv6 address field `{text[at:end]}'"
            at = end
        elif char == ":":
            double = text[at + 1:at + 2] == ":"
            if at == 0 and not double:
                return "bad null first field in IPv6 address"
            if double and null_run:
                return "too many `::' in IPv6 address"
            if at + 1 == len(text):
                return "bad null last field in IPv6 address"
            null_run = null_run or double
            fields += 1
            at += 2 if double else 1
            if fields > 7 + (double and at >= len(text)):
                return "too many `:' in IPv6 address"
        else:
            return f"invalid character {_code(char)}(decimal) in IPv6 address"
    if fields < 7 and not null_run:
        return "too few `:' in IPv6 address"
    return ""


def _ipv4_tail(text: str, at: int) -> str:
    """As Postfix has it: between 2 and 6 colons before the IPv4 part, however many groups that makes."""
    fits = 2 <= text.count(":", 0, at) <= 6
    return "" if fits and not _ipv4_error(text[at:]) else "malformed IPv4-in-IPv6 address"
