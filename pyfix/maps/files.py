"""Values that are files (postmap -F, tls_server_sni_maps): stored as base64, decoded when they are asked for."""

import base64
import binascii

from ..errors import TableConfigError
from . import report


class FileTrouble(Exception):
    """A file named as a value can't be read; the text is ready to show."""


def read_values(names: str) -> bytes:
    """The base64 form of the contents of the files in `names` (separated by comma or space); several are
    joined with a newline."""
    out = []
    paths = names.replace(",", " ").split()
    for name in paths:
        try:
            with open(name, "rb") as file:
                out.append(file.read())
        except OSError as error:
            raise FileTrouble(f"open {name}: {error.strerror}") from error
    if not out:
        raise FileTrouble(f"empty pathname list: >>{names}<<'")
    return base64.b64encode(b"\n".join(out))


def decode_value(title: str, key: bytes, value: bytes) -> bytes:
    """The content of a value made by read_values(). Raises TableConfigError."""
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        shown = report.show(value)[:100]
        report.warning(f"table {title}: key {report.show(key)}: malformed BASE64 value: {shown}")
        raise TableConfigError(title, "") from None
