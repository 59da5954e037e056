"""Content that is refused or relieved of characters: the same bytes to Debian's Postfix and to our cleanup, the same replies, content and log."""

import re
from typing import Any

import pytest

from tests.interop.test_content_forms import FIXED
from tests.kit.postfix import Postfix
from tests.unit.cleanup.test_stage import post

__all__ = ["post"]
pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]
HEAD = FIXED + b"Message-Id: <1@x>\r\n"
MULTI = b"Content-Type: multipart/mixed; boundary=%b\r\n\r\n--%b\r\n"
TYPE = b"Content-Type: message/rfc822\r\n"
CHARACTERS = ["message_reject_characters = \\000\\001\\377\nmessage_strip_characters = \\002\\r\\b", "message_strip_characters = \\303\\\\\\t\nbody_checks = $wanted"]
NESTED = ["strict_7bit_headers = yes", "strict_mime_encoding_domain = yes", "header_checks = $wanted", "mime_header_checks = $wanted", "body_checks = $wanted",
          "strict_8bitmime = yes\nreceive_override_options = no_header_body_checks"]
ODD = [b"\r\nhello\x02 you\b\r\n\x02.\r\n", b"X: a\0b\r\n\r\nx\r\n", b"\r\nfine\r\na\0b\r\n", b"\r\n" + b"a" * 3000 + b"\1\r\n", b"\r\nx\xffy\xff\r\n",
       b"\x02X\x02: y\r\n \x02z\r\n\r\n\x02\r\n", "\r\né\\ \te\r\n".encode(), b"\r\nlet it pass\r\n\1\2\r\n", b"\1: no field\r\n"]
DEEP = [*(b"".join(MULTI % (b"b%d" % one, b"b%d" % one) for one in range(depth)) for depth in (3, 4, 5, 6)), (TYPE + b"\r\n") * 9,
        MULTI % (b"D", b"D") + b"--D\r\n\r\nSubject: in\r\n\r\nx\r\n" * 9, MULTI % (b"D", b"D") + (TYPE + b"\r\nS: x\r\n\r\nx\r\n--D\r\n") * 9,
        MULTI % (b"D", b"D") + (MULTI % (b"E", b"E") + b"--D\r\n") * 9, b"X: " + b"y" * 120 + b"\xe4\r\n \xe4\r\n\r\nx\r\n", b"\r\n" + b"x\1" * 90 + b"\xe4\r\n",
        TYPE + b"Content-Transfer-Encoding: base64\r\n\r\nx\r\n"]


def theirs_of(server: Postfix, content: bytes) -> tuple[str, str]:
    """(reply, what cleanup told of a refusal) of Postfix."""
    stood = server.log.stat().st_size if server.log.exists() else 0
    replies, _ = server.play([b"EHLO me\r\n", b"MAIL FROM:<joe@x.example>\r\n", b"RCPT TO:<rcpt@dest.example>\r\n", b"DATA\r\n", content + b".\r\n", b"QUIT\r\n"])
    return replies[5][1].decode().strip(), refusal(server.log.read_text()[stood:].splitlines())


def refusal(lines: list[str]) -> str:
    """The line that says why, without time and names."""
    return next((re.sub(r" from \S+;", " from CLIENT;", line.split(": reject: ")[1]) for line in lines if ": reject: " in line), "")


@pytest.mark.parametrize("main", [*CHARACTERS, *NESTED])
def test_the_same_refusal(tmp_path_factory: Any, post: Any, main: str) -> None:
    main = f"mime_nesting_limit = 2\nwanted = regexp:$table_file\ntable_file = {tmp_path_factory.getbasetemp()}/table\n" + main + "\n"
    (tmp_path_factory.getbasetemp() / "table").write_text("/^let it/ PASS\n")
    with Postfix(tmp_path_factory.mktemp("pf", numbered=True), main) as theirs:
        for content in (HEAD + one for one in (ODD if "characters" in main else DEEP)):
            said, told = theirs_of(theirs, content)
            reply, queue_id, _, _, log = post(content, main=main, local=True)
            assert f"{reply.code} {reply.dsn} {reply.text}".partition(" queued")[0] == said.partition(" queued")[0], content
            assert refusal([line for line in log if f": {queue_id.decode()}: " in line]) == told, content
