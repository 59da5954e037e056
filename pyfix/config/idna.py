"""Domain names between UTF-8 and ASCII (xn--) form. Law: RFC 5891, UTS 46 without transitional processing.

`domain_to_ascii` and `domain_to_utf8` return None for a name that can't be
converted and tell `warn` why, in Postfix's words with ICU's error names where
one fits.
"""

from collections.abc import Callable

import idna

Warn = Callable[[str], None]
LABEL_MAX, DOMAIN_MAX = 63, 253
SHOWN = 100


def _label_error(label: str) -> str:
    """The name of what is wrong with a label, "" if nothing is."""
    if label.startswith("-"):
        return "UIDNA_ERROR_LEADING_HYPHEN"
    if label.endswith("-"):
        return "UIDNA_ERROR_TRAILING_HYPHEN"
    if label[2:4] == "--" and not label.startswith("xn--"):
        return "UIDNA_ERROR_HYPHEN_3_4"
    if not label.isascii():
        try:
            idna.encode(label)
        except idna.IDNAError as error:
            return "UIDNA_ERROR_LABEL_TOO_LONG" if "too long" in str(error) else "UIDNA_ERROR_DISALLOWED"
    elif label.startswith("xn--"):
        try:
            idna.decode(label)
        except idna.IDNAError:
            return "UIDNA_ERROR_PUNYCODE"
    return ""


def _labels(name: str) -> tuple[list[str], str]:
    """(mapped labels, error name)."""
    try:
        mapped = idna.uts46_remap(name, std3_rules=False, transitional=False)
    except idna.IDNAError:
        return [], "UIDNA_ERROR_DISALLOWED"
    labels = mapped.split(".")
    for at, label in enumerate(labels):
        if not label and (at + 1 < len(labels) or at == 0):
            return [], "UIDNA_ERROR_EMPTY_LABEL"
        error = _label_error(label)
        if error:
            return [], error
    return labels, ""


def _tell(warn: Warn, function: str, name: str, form: str, error: str) -> None:
    warn(f'midna_domain_to_{function}_create: Problem translating domain "{name[:SHOWN]}" to {form} form: {error}')


def domain_to_ascii(name: str, warn: Warn) -> str | None:
    """The name with every label in ASCII, lower case."""
    labels, error = _labels(name)
    result = ""
    if not error:
        encoded = [label if label.isascii() else idna.encode(label).decode("ascii") for label in labels]
        result = ".".join(encoded)
        if any(len(label) > LABEL_MAX for label in encoded):
            error = "UIDNA_ERROR_LABEL_TOO_LONG"
        elif len(result) > DOMAIN_MAX:
            error = "UIDNA_ERROR_DOMAIN_NAME_TOO_LONG"
    if error:
        _tell(warn, "ascii", name, "ASCII", error)
        return None
    return result


def domain_to_utf8(name: str, warn: Warn) -> str | None:
    """The name with every label as people write it; None as well where it has no ASCII form."""
    labels, error = _labels(name)
    if error:
        _tell(warn, "utf8", name, "UTF8", error)
        return None
    result = ".".join(idna.decode(label) if label.startswith("xn--") else label for label in labels)
    return result if domain_to_ascii(result, warn) is not None else None
