"""Stub of `pyfix._core.reply`: SMTP replies on their way out."""

def format_reply(code: int, dsn: bytes, text: bytes) -> bytes:
    """One reply line with its CRLF. ValueError when `code` is not 200-599 or `dsn` has not the shape of RFC 3463."""

def is_enhanced_code(data: bytes) -> bool:
    """Has `data` the shape of an enhanced status code (RFC 3463)?"""
