"""Typed values of parameters: times, numbers, yes/no. Law: postconf(5); error texts are Postfix's.

Every function takes the parameter's name and its expanded text, and raises
ConfigError with the text that Postfix logs for the same mistake.
"""

from pyfix.errors import ConfigError

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
INT_MIN, INT_MAX = -(1 << 31), (1 << 31) - 1
LONG_MIN, LONG_MAX = -(1 << 63), (1 << 63) - 1
_BLANK = " \t\n\v\f\r"


def leading_number(text: str) -> tuple[int | None, str]:
    """(number, rest) as C's strtol base 10 reads it; (None, text) without digits."""
    body = text.lstrip(_BLANK)
    start = 1 if body[:1] in ("+", "-") and body else 0
    end = start
    while end < len(body) and "0" <= body[end] <= "9":
        end += 1
    if end == start:
        return None, text
    return int(body[:end]), body[end:]


def conf_time(text: str, unit: str = "s") -> int | None:
    """Seconds of "10", "10w" ...; None if malformed, negative or beyond 32 bits (mail_conf_time)."""
    number, rest = leading_number(text)
    factor = SECONDS.get((rest or unit)[:1])
    if number is None or factor is None or number < 0 or number * factor > INT_MAX:
        return None
    return number * factor


def time_unit(default: str) -> str:
    """The unit that a bare number has: that of the parameter's default value."""
    for char in default:
        if char.isascii() and char.isalpha():
            return char
    return "s"


def as_time(name: str, text: str, default: str = "", low: int | None = None, high: int | None = None) -> int:
    """Seconds of a time parameter; `default` gives the unit for a bare number."""
    value = conf_time(text, time_unit(default))
    if value is None:
        raise ConfigError(f"parameter {name}: bad time value or unit: {text}",
                          remedy="write a number and one of s, m, h, d, w")
    if low is not None and value < low:
        raise ConfigError(f"invalid {name}: {value} (min {low})", remedy=f"use at least {low}s")
    if high is not None and value > high:
        raise ConfigError(f"invalid {name}: {value} (max {high})", remedy=f"use at most {high}s")
    return value


def as_int(name: str, text: str, low: int | None = None, high: int | None = None, wide: bool = False) -> int:
    """An integer; 32 bits, or 64 with `wide` (sizes)."""
    number, rest = leading_number(text)
    least, most = (LONG_MIN, LONG_MAX) if wide else (INT_MIN, INT_MAX)
    if number is None or rest or not least <= number <= most:
        raise ConfigError(f"bad numerical configuration: {name} = {text}", remedy="write a plain decimal number")
    if low is not None and number < low:
        raise ConfigError(f"invalid {name} parameter value {number} < {low}", remedy=f"use at least {low}")
    if high is not None and number > high:
        raise ConfigError(f"invalid {name} parameter value {number} > {high}", remedy=f"use at most {high}")
    return number


def as_bool(name: str, text: str) -> bool:
    """yes or no, in any case."""
    folded = text.lower() if text.isascii() else text
    if folded == "yes":
        return True
    if folded == "no":
        return False
    raise ConfigError(f"bad boolean configuration: {name} = {text}", remedy="write yes or no")


def as_text(name: str, text: str, low: int | None = None, high: int | None = None) -> str:
    """A string within its length bounds (0 or None: unbounded)."""
    size = len(text.encode("utf-8", "surrogateescape"))
    if low and size < low:
        raise ConfigError(f"bad string length {size} < {low}: {name} = {text}", remedy="give it a value")
    if high and size > high:
        raise ConfigError(f"bad string length {size} > {high}: {name} = {text}", remedy="shorten it")
    return text
