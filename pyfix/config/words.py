"""Words and numbers in parameter values: name masks, braced lists, offsets, paths, versions.

Law: postconf(5) for the forms; the warnings are Postfix's. Functions that find
a mistake tell `warn`, if given.
"""

from collections.abc import Callable, Mapping

from pyfix.config.lines import split_words, unbrace

Warn = Callable[[str], None]
OFFSET_MAX = (1 << 63) - 1
MASK_MAX = (1 << 32) - 1
# Digits and consonants: the alphabet of long queue ids, up to base 52.
SAFE_DIGITS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"


def name_mask(table: Mapping[str, int], text: str, number: bool = False, strict: bool = False,
              warn: Warn | None = None) -> int | None:
    """The bits of the names in `text`; names are compared without regard to case.

    number: "0x.." and decimal words stand for their bits. An unknown word is told to `warn`
    and, with `strict`, makes the result None.
    """
    folded = {name.lower(): bits for name, bits in table.items()}
    mask = 0
    for word in split_words(text, braces="\0\0"):
        bits = folded.get(word.lower())
        if bits is None and number:
            bits = _number(word)
        if bits is not None:
            mask |= bits
            continue
        if warn is not None:
            warn(f'unknown name value "{word}" in "{text}"')
        if strict:
            return None
    return mask


def _number(word: str) -> int | None:
    digits, base = (word[2:], 16) if word[:2].lower() == "0x" else (word, 10)
    valid = "0123456789abcdefABCDEF"[:10 if base == 10 else 22]
    if not digits or any(char not in valid for char in digits):
        return None
    value = int(digits, base)
    return value if value <= MASK_MAX else None


def mask_names(table: Mapping[str, int], mask: int, separator: str = " ", number: bool = False,
               strict: bool = False, warn: Warn | None = None) -> str | None:
    """The names of the bits in `mask`; other bits: as a hex number, or told to `warn` (None if `strict`)."""
    words = []
    for name, bits in table.items():
        if mask & bits:
            words.append(name)
            mask &= ~bits
    if mask:
        if number:
            words.append(f"0x{mask:x}")
        elif warn is not None:
            warn(f"str_name_mask: unknown mask bit in mask: 0x{mask:x}")
            if strict:
                return None
    return separator.join(words)


def mail_parm_split(name: str, text: str, warn: Warn) -> list[str]:
    """Words at blanks and commas; { a b } is one word without its braces. `name` is whose value it is."""
    words = []
    for word in split_words(text):
        if word.startswith("{"):
            word, error = unbrace(word)
            if error:
                warn(f"{name}: {error}")
        words.append(word)
    return words


def off_cvt(text: str) -> int | None:
    """A file offset: digits only, no more than 63 bits; None otherwise."""
    if not text or any(char < "0" or char > "9" for char in text):
        return None
    value = int(text)
    return value if value <= OFFSET_MAX else None


def safe_ultostr(number: int, base: int, min_digits: int, pad: str) -> str:
    """`number` in `base` (2 to 52), at least `min_digits` wide."""
    digits = ""
    while number:
        number, digit = divmod(number, base)
        digits = SAFE_DIGITS[digit] + digits
    return digits.rjust(min_digits, pad)


def safe_strtoul(text: str, base: int) -> int | None:
    """The number that safe_ultostr wrote; None on any other character or beyond 64 bits."""
    value = 0
    for char in text:
        digit = SAFE_DIGITS.find(char)
        if not 0 <= digit < base:
            return None
        value = value * base + digit
    return value if text and value < 1 << 64 else None


def sane_basename(path: str) -> str:
    """The last component as POSIX basename has it: "." of nothing, "/" of the root."""
    if not path:
        return "."
    return path.rstrip("/").rpartition("/")[2] or "/"


def sane_dirname(path: str) -> str:
    """What is before the last component, as POSIX dirname has it."""
    body = path.rstrip("/")
    if not body:
        return "/" if path else "."
    head, slash, _ = body.rpartition("/")
    return head.rstrip("/") or ("/" if slash else ".")


def mail_version(text: str) -> tuple[dict[str, str], str]:
    """(fields, error) of "program-major.minor[.patch|-snapshot]"; error is "" or Postfix's words."""
    program, dash, rest = text.partition("-")
    if not dash:
        return {}, "missing major version"
    version, has_snapshot, snapshot = rest.partition("-")
    parts = version.split(".")
    for what, part in zip(("major version", "minor version"), (*parts, "", "")[:2], strict=True):
        if not part:
            return {}, f"missing {what}"
        if not part.isascii() or not part.isdigit():
            return {}, f"bad {what}"
    fields = {"program": program, "major": parts[0], "minor": parts[1]}
    if len(parts) > 2:
        if len(parts) > 3 or not parts[2].isascii() or not parts[2].isdigit():
            return {}, "bad patchlevel"
        fields["patch"] = parts[2]
    elif has_snapshot:
        if not snapshot:
            return {}, "bad snapshot"
        fields["snapshot"] = snapshot
    else:
        return {}, "missing snapshot field"
    return fields, ""
