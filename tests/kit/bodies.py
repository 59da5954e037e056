"""Message contents that have hurt mail servers: (name, content as it is written to the wire before dot-stuffing, CRLF line ends)."""

import base64
import random

HEAD = b"From: a@example.com\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-Id: <1@x>\r\n"


def multipart(depth: int) -> bytes:
    """Parts within parts."""
    out = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))
    return HEAD + out + b"Content-Type: text/plain\r\n\r\nx\r\n" + b"".join(b"--b%d--\r\n" % n for n in reversed(range(depth)))


def bodies() -> dict[str, bytes]:
    """All of them."""
    rng = random.Random(3)
    found = {
        "nothing": b"", "one byte": b"x\r\n", "an empty line": b"\r\n", "no header": b"\r\nbody\r\n", "only a header": b"Subject: x\r\n",
        "header without end": b"Subject: x\r\nX-Y: z\r\n", "body first": b"this is no header\r\nSubject: x\r\n\r\nbody\r\n",
        "blank first line": b" \r\n\r\nx\r\n", "folded first line": b" folded\r\nSubject: x\r\n\r\nx\r\n", "From_": b"From a@b Mon Jan 1\r\nSubject: x\r\n\r\nx\r\n",
        ">From_": b">From a@b\r\nSubject: x\r\n\r\nx\r\n", "colon only": b":\r\n\r\nx\r\n", "blank before colon": b"Subject : x\r\n\r\nx\r\n",
        "no value": b"Subject:\r\nTo:\r\n\r\nx\r\n", "a thousand empty lines": b"\r\n" * 1000, "dots": b"\r\n" + b".\r\n..\r\n...\r\n" * 50,
        "dot in the header": b"Subject: x\r\n.\r\n\r\nx\r\n", "8-bit header": HEAD + b"Subject: \xe4\xf6\xff\r\n\r\nx\r\n", "8-bit body": HEAD + b"\r\n\xe4\xff\x80\r\n",
        "UTF-8": HEAD + "Subject: \u4f60\u597d\r\n\r\n\u00e4\r\n".encode(), "bad UTF-8": HEAD + b"Subject: \xc0\x80\xed\xa0\x80\r\n\r\n\xfe\xff\r\n",
        "NULs": HEAD + b"Subject: a\0b\r\n\r\n\0\0\0\r\n", "all bytes": HEAD + b"\r\n" + bytes(c for c in range(256) if c not in b"\r\n") + b"\r\n",
        "escape": HEAD + b"Subject: \x1b]0;owned\x07\r\n\r\nx\r\n", "bad words": HEAD + b"Subject: =?utf-8?b?////?= =?x?q?=?=\r\n\r\nx\r\n",
        "comments": HEAD.replace(b"a@example.com", b"(" * 5000 + b")" * 5000 + b" a@example.com") + b"\r\nx\r\n",
        "quotes": HEAD + b'To: "' + b"\\" * 3001 + b'" <a@b>\r\n\r\nx\r\n', "open quote": HEAD + b'To: "a <a@b>\r\nCc: b@c\r\n\r\nx\r\n',
        "routes": HEAD + b"To: <@a,@b:c@d>\r\n\r\nx\r\n", "groups": HEAD + b"To: g:a@b,c@d;, h:;\r\n\r\nx\r\n", "many commas": HEAD + b"To: " + b"," * 5000 + b"\r\n\r\nx\r\n",
        "2000 addresses": HEAD + b"To: " + b",\r\n ".join(b"u%d@example.com" % n for n in range(2000)) + b"\r\n\r\nx\r\n",
        "100 KB header field": HEAD + b"X: " + b"y" * 102_400 + b"\r\n\r\nx\r\n", "200 KB of fields": HEAD + b"".join(b"X-%d: %b\r\n" % (n, b"z" * 90) for n in range(2000)) + b"\r\nx\r\n",
        "5000 folds": HEAD + b"X: a" + b"\r\n b" * 5000 + b"\r\n\r\nx\r\n", "folds of blanks": HEAD + b"X: a" + b"\r\n \t " * 300 + b"\r\n\r\nx\r\n",
        "many Bcc": HEAD + b"Bcc: x@y\r\n" * 100 + b"\r\nx\r\n", "two From": b"From: a@b\r\nFrom: c@d\r\n\r\nx\r\n", "Return-Path": HEAD + b"Return-Path: <x@y>\r\n\r\nx\r\n",
        "Content-Length": HEAD + b"Content-Length: 99999999999999999999\r\n\r\nx\r\n", "Resent": HEAD + b"Resent-From: a@b\r\nResent-Bcc: c@d\r\n\r\nx\r\n",
        "48 hops": b"Received: x\r\n" * 48 + HEAD + b"\r\nx\r\n", "MIME of no version": HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\nx\r\n",
        "open boundary": HEAD + b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="\r\n\r\n--\r\n', "no boundary": HEAD + b"Content-Type: multipart/mixed\r\n\r\nx\r\n",
        "empty boundary": HEAD + b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n----\r\n', "long boundary": HEAD + b"Content-Type: multipart/mixed; boundary=" + b"b" * 3000 + b"\r\n\r\n--" + b"b" * 3000 + b"\r\n",
        "same boundary": HEAD + b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n" * 50,
        "rfc822 in rfc822": HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 60 + b"x\r\n", "partial": HEAD + b'Content-Type: message/partial; id="x"; number=1; total=99999\r\n\r\nx\r\n',
        "bad encoding": HEAD + b"Content-Transfer-Encoding: x-unknown\r\n\r\n\xff\r\n", "two encodings": HEAD + b"Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit\r\n\r\nx\r\n",
        "base64": HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(bytes(range(256)) * 20).replace(b"\n", b"\r\n"),
        "soft line ends": HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=\r\n" * 500 + b"=2E=0D=0A.\r\n", "random": HEAD + b"\r\n" + bytes(rng.choices(range(32, 127), k=900)) + b"\r\n",
        "format characters": HEAD + b"Subject: %s%n%x%99999d\r\n\r\n%s%n\r\n", "tabs": HEAD + b"\t\r\n\r\nx\r\n", "log injection": HEAD + b"Message-Id: <x>, status=sent\r\n\r\nx\r\n",
        "long Message-Id": HEAD.replace(b"<1@x>", b"<" + b"i" * 5000 + b"@x>") + b"\r\nx\r\n", "end like a dot": HEAD + b"\r\nx\r\n. \r\n.\t\r\n",
        "boundary of dots": HEAD + b"Content-Type: multipart/mixed; boundary=.\r\n\r\n--.\r\n\r\nx\r\n--.--\r\n", "300 KB": HEAD + b"\r\n" + b"0123456789abcdef" * 4 * 5000 + b"\r\n",
    }
    found |= {f"line of {n}": HEAD + b"\r\n" + b"y" * n + b"\r\nend\r\n" for n in (997, 998, 999, 1000, 2047, 2048, 2049, 4096, 65_535, 65_536, 1_000_000)}
    found |= {f"line of {n} and a dot": HEAD + b"\r\n" + b"y" * n + b".\r\nend\r\n" for n in (996, 997, 998, 999, 2048, 4096)}
    found |= {f"field of {n}": HEAD + b"X-Long: " + b"y" * n + b"\r\n\r\nend\r\n" for n in (998, 2048, 60_000)}
    found |= {f"{n} parts deep": multipart(n) for n in (1, 10, 99, 100, 101, 150)}
    return found
