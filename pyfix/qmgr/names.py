"""How qmgr writes addresses and times in log lines, as Postfix does.

Addresses in external (quoted) form (`info_log_address_format = external`), times with two digits.
"""

from pyfix._core.address import quote


def external(address: bytes) -> str:
    """The address as text, its local part quoted where RFC 5321 asks for it, control bytes masked."""
    text = quote(address).decode("utf-8", "replace") if address else ""
    return text if text.isprintable() else "".join([char if char.isprintable() else "?" for char in text])


def seconds(microseconds: int) -> str:
    """A delay as in delays=: two significant digits, at most two decimals, no trailing zeros."""
    value = max(microseconds, 0)
    for decimals in (2, 1, 0):
        unit = 10 ** (6 - decimals)
        scaled = (value + unit // 2) // unit
        if scaled < 100 or not decimals:
            break
    if not decimals:
        return str(scaled)
    text = f"{scaled // 10 ** decimals}.{scaled % 10 ** decimals:0{decimals}d}"
    return text.rstrip("0").rstrip(".")
