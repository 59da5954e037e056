"""Domain names with letters beyond ASCII: their two forms.

Law: one normalisation, before any comparison; what it refuses is no domain name.

Source: RFC 5890 to 5892, UTS 46 non-transitional; SMTPUTF8_README.
"""

import idna


def to_ascii(name: str) -> str | None:
    """The A-label form ("xn--..."), lower case; None if the name has none."""
    try:
        return idna.encode(name, uts46=True, std3_rules=False, transitional=False).decode("ascii")
    except idna.IDNAError:
        return None


def to_utf8(name: str) -> str | None:
    """The U-label form; None if the name has none, or no ASCII form."""
    try:
        text = idna.decode(name, uts46=True, std3_rules=False)
        idna.encode(text, uts46=True)
    except idna.IDNAError:
        return None
    return text
