"""Plain-Python twin of `pyfix.pickup.localcontent`: line ends and flags of local content."""

import re

from pyfix.model import HAS_8BIT, HAS_DOT_LINE, HAS_LONG_LINE


def converted(content: bytes) -> tuple[bytes, int]:
    """(content with CRLF line ends, model.HAS_* flags)."""
    content = re.sub(rb"\r*\n", b"\n", content).replace(b"\r", b" ")
    if content and not content.endswith(b"\n"):
        content += b"\n"
    lines = content.split(b"\n")[:-1]
    flags = HAS_DOT_LINE * any(line.startswith(b".") for line in lines)
    flags |= HAS_LONG_LINE * any(len(line) > 998 for line in lines)
    flags |= HAS_8BIT * (not content.isascii())
    return content.replace(b"\n", b"\r\n"), flags
