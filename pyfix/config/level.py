"""Compatibility levels: "3.6.1" as a number, and the `==level` operators. Law: COMPATIBILITY_README, postconf(5).

A level has up to three parts; minor and patch have 10 bits each.
"""

PART_MAX = 1023


def parse_level(text: str) -> int | None:
    """The number of a level text, None when malformed."""
    parts = text.split(".")
    if not 1 <= len(parts) <= 3:
        return None
    numbers = []
    for index, part in enumerate(parts):
        if not (part.isascii() and part.isdigit()) or len(part) > 10:
            return None
        numbers.append(int(part))
        if numbers[-1] > (PART_MAX if index else 2047):
            return None
    numbers += [0] * (3 - len(numbers))
    return numbers[0] << 20 | numbers[1] << 10 | numbers[2]


def format_level(level: int) -> str:
    """The text of a level number: below 3 only the major part is shown, a zero patch never."""
    major, minor, patch = level >> 20, level >> 10 & PART_MAX, level & PART_MAX
    if patch:
        return f"{major}.{minor}.{patch}"
    return f"{major}.{minor}" if minor or major >= 3 else str(major)


def malformed(text: str) -> str:
    """Postfix's words for a level that can't be read."""
    return f'malformed compatibility level syntax: "{text}"'
