"""A delivery status notification as bytes: RFC 3462, RFC 3464 (with RFC 3461's fields, RFC 6533 for UTF-8).

The structure, the fields and their order are Postfix's: a notification for people, a
message/delivery-status part, and the message or its headers. Values in, bytes out; lines end in CRLF.
"""

import re
from typing import NamedTuple

ACTIONS = {"failure": "failed", "delay": "delayed"}
_SAID = re.compile(r"host (\S+?)\[[^\]]*\](?::\d+)? said: (.*?)(?: \(in reply to [^)]*\))?\Z", re.DOTALL)
_VIA = re.compile(r"delivery via (\S+?)\[[^\]]*\](?::\d+)?: ([245]\d\d .*)\Z", re.DOTALL)
_WIDTH, _INDENT = 79, "    "


class Item(NamedTuple):
    """One recipient in a report.

    address, original, orcpt as in model.Recipient; action failed, delayed, delivered, relayed or
    expanded; remote: the host that answered, "" if none; diagnostic: "smtp; 550 ..." or "X-Postfix; ...".
    """

    address: bytes
    original: bytes
    orcpt: bytes
    action: str
    dsn: str
    reason: str
    remote: str = ""
    diagnostic: str = ""


class About(NamedTuple):
    """What a report is about: the message and this system. Dates as RFC 5322 text.

    headers_only: for text/rfc822-headers; seven_bit: the message is known to be pure ASCII;
    retry_until: for delays, "" otherwise; postmaster: for whom it is no answer to what they sent (RFC 3834)
    """

    queue_id: str
    sender: bytes
    envid: bytes
    arrival: str
    hostname: str
    mail_name: str
    headers_only: bool
    seven_bit: bool
    utf8: bool = False
    retry_until: str = ""
    threaded: bool = False
    message_id: bytes = b""
    references: bytes = b""
    postmaster: bool = False


def diagnosis(reason: str) -> tuple[str, str]:
    """(remote host, diagnostic code) as they follow from the text of a delivery log line."""
    found = _SAID.match(reason) or _VIA.match(reason)
    if found:
        return "dns; " + found[1], "smtp; " + found[2]
    return "", "X-Postfix; " + reason


def build(about: About, items: list[Item], subject: str, from_header: bytes, to: bytes, charset: str, text: str,
          boundary: str, message: bytes, kind: str) -> bytes:
    """The whole notification from `From:` on, without Received:, Date: and Message-Id:.

    `text` is the template's, "" for a copy to the postmaster; `message` the original's content
    (headers only where about.headers_only), with CRLF line ends.
    """
    out: list[bytes] = [b"From: " + from_header, b"Subject: " + subject.encode(), b"To: " + to,
                        b"Auto-Submitted: auto-" + (b"generated" if about.postmaster else b"replied")]
    out += _thread(about)
    encoding = b"7bit" if about.seven_bit else b"8bit"
    mark = b"--" + boundary.encode()
    out += [b"MIME-Version: 1.0", b"Content-Type: multipart/report; report-type=delivery-status;",
            b'\tboundary="' + boundary.encode() + b'"', b"Content-Transfer-Encoding: " + encoding, b"",
            b"This is a MIME-encapsulated message.", b""]
    out += [mark, *_notification(about, items, charset, text), b""]
    out += [mark, *_status(about, items), b""]
    out += [mark, *_original(about, kind)]
    head = b"\r\n".join(out) + b"\r\n"
    end = b"" if not message or message.endswith(b"\r\n") else b"\r\n"
    return head + message + end + b"\r\n" + mark + b"--\r\n"


def _thread(about: About) -> list[bytes]:
    """References: and In-Reply-To:, where enable_threaded_bounces asks for them."""
    if not about.threaded or not about.message_id:
        return []
    known = about.references + b" " if about.references else b""
    return [b"References: " + known + about.message_id, b"In-Reply-To: " + about.message_id]


def _notification(about: About, items: list[Item], charset: str, text: str) -> list[bytes]:
    plain = about.seven_bit and charset.lower() == "us-ascii"
    out = [b"Content-Description: Notification",
           b"Content-Type: text/plain; charset=" + (charset if plain or charset.lower() != "us-ascii" else "utf-8").encode()]
    if not plain:
        out.append(b"Content-Transfer-Encoding: 8bit")
    out.append(b"")
    out += text.encode("utf-8", "surrogateescape").rstrip(b"\n").split(b"\n") if text else []
    for item in items:
        out.append(b"")
        line = f"<{shown(item.address)}>"
        if item.original and item.original.lower() != item.address.lower():
            line += f" (expanded from <{shown(item.original)}>)"
        out += folded(f"{line}: {item.reason}")
    return out


def _status(about: About, items: list[Item]) -> list[bytes]:
    """The message/delivery-status part (RFC 3464)."""
    utf8 = about.utf8
    out = [b"Content-Description: Delivery report",
           b"Content-Type: message/" + (b"global-delivery-status" if utf8 else b"delivery-status")]
    if utf8:
        out.append(b"Content-Transfer-Encoding: 8bit")
    out += [b"", b"Reporting-MTA: dns; " + about.hostname.encode()]
    if about.envid:
        out.append(b"Original-Envelope-Id: " + masked(about.envid))
    out.append(f"X-{about.mail_name}-Queue-ID: {about.queue_id}".encode())
    if about.sender:
        kind = b"utf-8" if utf8 and not about.sender.isascii() else b"rfc822"
        out.append(b"X-" + about.mail_name.encode() + b"-Sender: " + kind + b"; " + masked(about.sender))
    out.append(b"Arrival-Date: " + about.arrival.encode())
    for item in items:
        out += _recipient(item, about)
    return out


def _recipient(item: Item, about: About) -> list[bytes]:
    kind = b"utf-8" if about.utf8 and not item.address.isascii() else b"rfc822"
    out = [b"", b"Final-Recipient: " + kind + b"; " + masked(item.address)]
    if item.orcpt:
        out.append(b"Original-Recipient: " + masked(item.orcpt))
    elif item.original:
        out.append(b"Original-Recipient: rfc822; " + masked(item.original))
    out += [b"Action: " + item.action.encode(), b"Status: " + item.dsn.encode()]
    if item.remote:
        out += folded("Remote-MTA: " + item.remote)
    if item.diagnostic:
        out += folded("Diagnostic-Code: " + item.diagnostic)
    if item.action == "delayed" and about.retry_until:
        out.append(b"Will-Retry-Until: " + about.retry_until.encode())
    return out


def _original(about: About, kind: str) -> list[bytes]:
    """The head of the last part; Return-Path: begins what is returned."""
    what = "Undelivered Message" if kind not in ("success", "verify") else "Message"
    if about.headers_only:
        mime = "message/global-headers" if about.utf8 else "text/rfc822-headers"
        what += " Headers"
    else:
        mime = "message/global" if about.utf8 else "message/rfc822"
    out = [f"Content-Description: {what}".encode(), f"Content-Type: {mime}".encode()]
    if not about.seven_bit:
        out.append(b"Content-Transfer-Encoding: 8bit")
    return [*out, b"", b"Return-Path: <" + masked(about.sender) + b">"]


def folded(text: str) -> list[bytes]:
    """The text in lines of at most 79 columns, broken at blanks, continued with four blanks."""
    lines, line = [], ""
    for word in masked_text(text).rstrip().split(" "):
        if line and len(line) + 1 + len(word) > _WIDTH:
            lines.append(line)
            line = _INDENT + word
        else:
            line = line + " " + word if line else word
    return [part.encode("utf-8", "surrogateescape") for part in [*lines, line]]


def masked(value: bytes) -> bytes:
    """The value with control bytes as "?", so that no field or line can be forged."""
    return bytes(63 if byte < 32 or byte == 127 else byte for byte in value)


def masked_text(text: str) -> str:
    """The same for text."""
    return "".join("?" if ord(char) < 32 or ord(char) == 127 else char for char in text)


def shown(address: bytes) -> str:
    """An address as text; raw bytes stay what they are."""
    return masked(address).decode("utf-8", "surrogateescape")


def header_end(content: bytes) -> int:
    """The length of the header section of a message with CRLF line ends, without the empty line."""
    if content.startswith(b"\r\n"):
        return 0
    at = content.find(b"\r\n\r\n")
    return len(content) if at < 0 else at + 2
