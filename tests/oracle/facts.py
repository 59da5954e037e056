"""The plain-Python twin of pyfix.cleanup.facts: slow, and easy to check against cleanup(8) and RFC 5322."""

import re

DROPPED = (b"bcc", b"content-length", b"resent-bcc", b"return-path")
FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
LOOSE = re.compile(rb"[!-9;-~]+[ \t]+:")


def facts_of(data: bytes) -> dict:
    """What a header is, all of its bytes given: end, body, blank, received, message_id, loose, drop."""
    end, fields, at = 0, [], 0
    blank, body = False, None
    for line in re.findall(rb"[^\n]*\n|[^\n]+\Z", data):
        if fields and line[:1] in (b" ", b"\t"):
            fields[-1][1] += len(line)
        elif match := FIELD.match(line):
            fields.append([at, at + len(line), match.group(1).lower()])
        else:
            blank = line == b"\r\n"
            body = at + (2 if blank else 0)
            break
        at += len(line)
        end = at
    ids = [data[start:stop].partition(b":")[2] for start, stop, name in fields if name == b"message-id"]
    return {"end": end, "body": at if body is None else body, "blank": blank,
            "received": sum(name == b"received" for _, _, name in fields),
            "message_id": ids[0].strip(b" \t\r\n") if ids else b"",
            "loose": any(LOOSE.match(data, start) for start, _, _ in fields),
            "drop": [(start, stop) for start, stop, name in fields if name in DROPPED]}
