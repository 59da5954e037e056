"""Header and body checks: which table a header is shown to, and how what the table says is read.

Law: header_checks(5). The same for mail that comes in (pyfix.cleanup.checks) and for mail that goes out
(pyfix.deliver.checks); they differ in the actions they know and in whom they tell.
"""

import re

from pyfix._core import mime

MIME_FIELD = re.compile(rb"(?:content-(?:type|transfer-encoding|description|disposition|id)|mime-version)[ \t]*:", re.I)
HEADER_FORM = re.compile(rb"[\x21-\x39\x3b-\x7e]+[ \t]*:")


def table_number(kind: int, header: bytes) -> int:
    """Which of header_checks, mime_header_checks and nested_header_checks a header is for: mime.MAIN, MULT or NEST.

    `kind`: where the header stands. A MIME header of the message itself is one for mime_header_checks.
    """
    return mime.MULT if kind == mime.MULT or MIME_FIELD.match(header) else kind


def action_of(value: bytes) -> tuple[bytes, bytes]:
    """The action in upper case and its argument, b"" if none, of what a table gives."""
    word, _, argument = value.replace(b"\t", b" ").partition(b" ")
    return word.upper(), argument.strip(b" ")


def misfit(word: str, argument: bytes, name: str, what: str) -> str:
    """The warning why the text of a PREPEND or REPLACE can't stand where it is to stand, "" if it can.

    `word`: the action; `name`: the table's parameter; `what`: "header" or "body".
    """
    if not argument:
        return f"{word} action without text in {name} map"
    if what == "header" and not HEADER_FORM.match(argument):
        return (f"bad {word} header text \"{argument.decode('utf-8', 'replace')}\" in {name} map -- need "
                "\"headername: headervalue\"")
    return ""
