"""Syntax of host names, host addresses, domain literals and host:port forms.

Law: a name that fails here is never looked up and never compared; digits are
parsed byte by byte. Each check gives the reason as Postfix words it, "" if all is well.

Source: RFC 1123 section 2.1, RFC 4291 section 2.2, RFC 5321 section 4.1.3; valid_hostname(3).
"""

MAX_NAME, MAX_LABEL = 255, 63
DIGITS = frozenset("0123456789")
HEX = frozenset("0123456789abcdefABCDEF")
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


def _odd(character: str) -> str:
    return f"invalid character {character.encode('utf-8', 'surrogateescape')[0]}(decimal)"


def hostname_trouble(name: str, wildcard: bool = False) -> str:
    """Why `name` is no host name, "" if it is one; `wildcard` allows "*" as the first label."""
    if not name:
        return "valid_hostname: empty hostname"
    reason = _label_trouble(name, wildcard)
    if not reason and all(c in DIGITS or c == "." for c in name):
        reason = "numeric hostname"
    if not reason and len(name) > MAX_NAME:
        return f"valid_hostname: bad length {len(name)} for {name[:100]}..."
    return f"valid_hostname: {reason}: {name[:100]}" if reason else ""


def _label_trouble(name: str, wildcard: bool) -> str:
    length = 0
    for i, c in enumerate(name):
        following = name[i + 1:i + 2]
        if c == ".":
            if length == 0 or not following:
                return "misplaced delimiter"
            length = 0
            continue
        length += 1
        if c in LETTERS:
            if length > MAX_LABEL:
                return "hostname label too long"
        elif c == "-":
            if length == 1 or following in ("", "."):
                return "misplaced hyphen"
        elif c == "*" and wildcard:
            if i > 0 or following != ".":
                return "'*' can be the first label only"
        else:
            return _odd(c)
    return ""


def valid_hostname(name: str) -> bool:
    """Is it a host name: letters, digits, "-", "_" and dots, not all numeric?"""
    return not hostname_trouble(name)


def ipv4_trouble(address: str) -> str:
    """Why `address` is no dotted IPv4 address, "" if it is one."""
    octets, value, inside = 0, 0, False
    for i, c in enumerate(address):
        if c in DIGITS:
            if not inside:
                octets, value, inside = octets + 1, 0, True
            value = value * 10 + ord(c) - 48
            if value > 255:
                return f"valid_ipv4_hostaddr: invalid octet value: {address[:100]}"
        elif c != ".":
            return f"valid_ipv4_hostaddr: {_odd(c)}: {address[:100]}"
        elif not inside or i + 1 == len(address):
            return f"valid_ipv4_hostaddr: misplaced dot: {address[:100]}"
        elif octets == 1 and value == 0 and address.strip("0."):
            return f"valid_ipv4_hostaddr: bad initial octet value: {address[:100]}"
        else:
            inside = False
    return "" if octets == 4 else f"valid_ipv4_hostaddr: invalid octet count: {address[:100]}"


def ipv6_trouble(address: str) -> str:
    """Why `address` is no IPv6 address, "" if it is one. A last part in IPv4 form is allowed."""
    reason = _ipv6_reason(address)
    if reason is None:
        return ipv4_trouble(address.rpartition(":")[2])
    return f"valid_ipv6_hostaddr: {reason}: {address[:100]}" if reason else ""


def _ipv6_reason(address: str) -> str | None:
    """"" well, None: what follows the last ":" must be an IPv4 address. As Postfix, it does not count the groups."""
    at, colons, length, gap = 0, 0, 0, -1
    while at < len(address):
        c = address[at]
        if c == ".":
            return None if 2 <= colons <= 6 else "malformed IPv4-in-IPv6 address"
        if c == ":":
            if colons == 0 and length == 0 and address[at + 1:at + 2] != ":":
                return "bad null first field in IPv6 address"
            colons, at, length = colons + 1, at + 1, 0
            if colons > 7:
                return "too many `:' in IPv6 address"
            if address[at:at + 1] == ":":
                if gap > 0:
                    return "too many `::' in IPv6 address"
                gap = colons
            continue
        length = _hex_length(address, at)
        if length == 0:
            return f"{_odd(c)} in IPv6 address"
        if length > 4:
            return "malformed IPv6 address"
        at += length
    if colons < 2:
        return "too few `:' in IPv6 address"
    if length == 0 and gap != colons - 1:
        return "bad null last field in IPv6 address"
    return ""


def _hex_length(address: str, at: int) -> int:
    end = at
    while end < len(address) and address[end] in HEX:
        end += 1
    return end - at


def hostaddr_trouble(address: str) -> str:
    """Why `address` is no IPv4 or IPv6 address, "" if it is one."""
    if not address:
        return "valid_hostaddr: empty address"
    return ipv6_trouble(address) if ":" in address else ipv4_trouble(address)


def valid_hostaddr(address: str) -> bool:
    """Is it an IPv4 or IPv6 address without brackets?"""
    return not hostaddr_trouble(address)


def literal_address(literal: str) -> str | None:
    """The address in a domain literal "[1.2.3.4]" or "[IPv6:::1]"; None if it is malformed."""
    if len(literal) < 3 or literal[0] != "[" or literal[-1] != "]":
        return None
    inner = literal[1:-1]
    if inner[:5].lower() == "ipv6:":
        return None if ipv6_trouble(inner[5:]) else inner[5:]
    return None if ipv4_trouble(inner) else inner


def host_port(text: str, default_port: str = "", default_host: str = "") -> tuple[str, str]:
    """(host, port) of "host:port", "host", "[host]:port", "[ipv6:addr]". ValueError with Postfix's words."""
    if text.startswith("["):
        host, port = _bracketed(text[1:], default_port)
    elif ":" in text:
        host, _, port = text.rpartition(":")
        host, port = host or default_host, port or default_port
    else:
        host, port = default_host or text, default_port or text
    if not host:
        raise ValueError("missing host information")
    if not port:
        raise ValueError("missing service information")
    if host != default_host and not valid_hostname(host) and not valid_hostaddr(host):
        raise ValueError("valid hostname or network address required")
    if port != default_port and port[0] in DIGITS and not set(port) <= DIGITS:
        raise ValueError("garbage after numerical service")
    return host, port


def _bracketed(text: str, default_port: str) -> tuple[str, str]:
    tagged = text[:5].lower() == "ipv6:"
    host, closing, rest = text[5 if tagged else 0:].partition("]")
    if not closing:
        raise ValueError('missing "]"')
    if rest and rest[0] != ":":
        raise ValueError('garbage after "]"')
    if tagged and ipv6_trouble(host):
        raise ValueError("malformed IPv6 address")
    return host, rest[1:] or default_port
