"""Envelope addresses: paths of MAIL and RCPT, quoting, parts, extensions, folding.

All addresses are bytes. Internal form has no quotes; the domain is what follows
the last "@". Source: RFC 5321 sections 4.1.1.2 to 4.1.2; postconf(5)
strict_rfc821_envelopes, recipient_delimiter, owner_request_special.

For Cython, `address.pxd` has `parse_path_into` (no copy for an ordinary path),
`extension_at`; `quote.pxd` has `quote_into`, `unquote_into`.
"""

from pyfix._core.quote import FLAG_8BITCLEAN as FLAG_8BITCLEAN
from pyfix._core.quote import FLAG_BARE_LOCALPART as FLAG_BARE_LOCALPART
from pyfix._core.quote import FLAG_EXPOSE_AT as FLAG_EXPOSE_AT
from pyfix._core.quote import quote as quote
from pyfix._core.quote import unquote as unquote

SEVERAL: int
SYNTAX: int
EMPTY: int
ROUTED: int
NUL: int

def parse_path(text: bytes, strict: bool = False, allow_empty: bool = False) -> tuple[bytes | None, int]:
    """The address of a MAIL or RCPT path such as b"<a@b>": (internal form, 0), or (None, error).

    Comments, phrases and routes are tolerated unless `strict` (strict_rfc821_envelopes).
    `allow_empty`: the null address is well (MAIL). Errors: SEVERAL (more than one
    address), SYNTAX, EMPTY, ROUTED, NUL. Source: RFC 5321 section 4.1.2.
    """

def strip_extension(
    address: bytes, delimiters: bytes, owner_request_special: bool = True, double_bounce: bytes = b"double-bounce"
) -> tuple[bytes, bytes] | None:
    """(address without extension, extension with its delimiter), or None where there is nothing to split.

    `delimiters`: the set recipient_delimiter; `double_bounce`: double_bounce_sender in lower case.
    Source: postconf(5) recipient_delimiter, owner_request_special.
    """

def fold(text: bytes) -> bytes:
    """ASCII lower case; UTF-8 and all other bytes stay."""
