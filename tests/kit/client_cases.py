"""What servers may say to a client, and what is to become of the mail: one table for two runs.

tests/dialogs/test_smtp_client.py plays it to pyfix's agent and compares with what stands here;
tests/interop/test_smtp_log_lines.py plays it to Debian's smtp(8) too and compares the log lines.
H stands for the server's name, "127.0.0.1[127.0.0.1]".
"""

from typing import Any, NamedTuple

from tests.kit.smtp_server import Close, Part

H = "127.0.0.1[127.0.0.1]"
HI = b"220 mx.example ESMTP\r\n"
PIPE = b"250-mx.example\r\n250-PIPELINING\r\n250-SIZE 99000000\r\n250-8BITMIME\r\n250 DSN\r\n"
BARE = b"250 mx.example\r\n"
OK, GO, DOT = b"250 2.1.0 Ok\r\n", b"354 go\r\n", b"250 2.0.0 Ok: queued as 4711\r\n"
SENT = ("sent", "2.0.0", "250 2.0.0 Ok: queued as 4711")
LOST = f"lost connection with {H} while "


class Case(NamedTuple):
    """scripts: one for each connection; expected: (status, dsn, text) for each recipient; site: it is throttled."""

    scripts: list[list[Any]]
    expected: list[tuple[str, str, str]]
    site: bool = False
    settings: dict[str, str] = {}
    same: bool = True           # Postfix 3.7 writes the same line (see docs/compatibility.md where it doesn't)


def one(*steps: Any) -> list[list[Any]]:
    return [list(steps)]


def refused(text: str, dsn: str, status: str = "deferred") -> tuple[str, str, str]:
    return status, dsn, f"host {H} refused to talk to me: {text}"


def said(text: str, command: str, dsn: str, status: str) -> tuple[str, str, str]:
    return status, dsn, f"host {H} said: {text} (in reply to {command})"


def lost(where: str) -> tuple[str, str, str]:
    return "deferred", "4.4.2", LOST + where


MAIL, RCPT, DATA, END = "MAIL FROM command", "RCPT TO command", "DATA command", "end of DATA command"
P = (HI, PIPE)
B = (HI, BARE)

CASES: dict[str, Case] = {
    # it works
    "plain": Case(one(*B, OK, OK, GO, DOT), [SENT]),
    "pipelined": Case(one(*P, OK, OK, GO, DOT), [SENT]),
    "two recipients": Case(one(*P, OK, OK, OK, GO, DOT), [SENT, SENT]),
    "no enhanced code": Case(one(*P, OK, OK, GO, b"250 taken\r\n"), [("sent", "2.0.0", "250 taken")]),
    "200 to everything": Case(one(b"200 x\r\n", b"200 x\r\n", b"200 x\r\n", b"200 x\r\n", b"300 x\r\n", b"200 x\r\n"),
                              [("sent", "2.0.0", "200 x")]),
    "lines of the final reply": Case(one(*P, OK, OK, GO, b"250-2.0.0 one\r\n250 2.0.0 two\r\n"),
                                     [("sent", "2.0.0", "250-2.0.0 one 250 2.0.0 two")]),
    "bytes one by one": Case(one(*[part for c in HI for part in [Part(bytes([c]), 0.001)]], b"",
                                 PIPE, OK, OK, GO, DOT), [SENT]),
    "LF for CRLF": Case(one(b"220 x\n", b"250-x\n250 PIPELINING\n", b"250 a\n", b"250 b\n", b"354 c\n", b"250 2.0.0 d\n"),
                        [("sent", "2.0.0", "250 2.0.0 d")]),
    "HELO after EHLO 500": Case(one(HI, b"500 what\r\n", BARE, OK, OK, GO, DOT), [SENT]),
    "HELO after EHLO 450": Case(one(HI, b"450 what\r\n", BARE, OK, OK, GO, DOT), [SENT]),
    "EHLO of one bare line": Case(one(HI, b"250\r\n", OK, OK, GO, DOT), [SENT]),
    "many EHLO lines": Case(one(HI, b"".join(b"250-X%d\r\n" % i for i in range(90)) + b"250 x\r\n", OK, OK, GO, DOT), [SENT]),
    "close after the dot's reply": Case(one(*P, OK, OK, GO, DOT, Close()), [SENT]),
    "354 in two lines": Case(one(*B, OK, OK, b"354-a\r\n354 b\r\n", DOT), [SENT]),
    "some recipients refused": Case(one(*P, OK, OK, b"550 5.1.1 unknown\r\n", GO, DOT),
                                    [SENT, said("550 5.1.1 unknown", RCPT, "5.1.1", "bounced")]),
    "some recipients deferred": Case(one(*P, OK, b"450 4.2.0 later\r\n", OK, GO, DOT),
                                     [said("450 4.2.0 later", RCPT, "4.2.0", "deferred"), SENT]),
    # greeting
    "greeting 421": Case(one(b"421 4.3.2 busy\r\n"), [refused("421 4.3.2 busy", "4.3.2")], True),
    "greeting 450": Case(one(b"450 busy\r\n"), [refused("450 busy", "4.0.0")], True),
    "greeting 554": Case(one(b"554 5.7.1 go away\r\n"), [refused("554 5.7.1 go away", "4.7.1")], True),
    "greeting 554, not skipped": Case(one(b"554 5.7.1 go away\r\n"), [refused("554 5.7.1 go away", "5.7.1", "bounced")], False,
                                      {"smtp_skip_5xx_greeting": "no"}),
    "greeting many lines": Case(one(b"554-a\r\n554 b\r\n"), [refused("554-a 554 b", "4.0.0")], True),
    "greeting 354": Case(one(b"354 go\r\n"), [("bounced", "5.5.0", f"host {H} refused to talk to me: 354 go")]),
    "no greeting, closed": Case(one(Close()), [lost("receiving the initial server greeting")], True),
    "half a greeting": Case(one(Part(b"220 mx"), Close()), [lost("receiving the initial server greeting")], True),
    "greeting without end": Case(one(Part(b"220-x\r\n" * 20), Close()), [lost("receiving the initial server greeting")], True),
    # EHLO and HELO
    "EHLO 421": Case(one(HI, b"421 4.3.2 no\r\n"), [refused("421 4.3.2 no", "4.3.2")], True),
    "HELO 550": Case(one(HI, b"502 what\r\n", b"550 5.7.1 you\r\n"), [refused("550 5.7.1 you", "5.7.1", "bounced")]),
    "HELO 450": Case(one(HI, b"502 what\r\n", b"450 4.7.1 you\r\n"), [refused("450 4.7.1 you", "4.7.1")], True),
    "lost in EHLO": Case(one(HI, Close()), [lost("performing the EHLO handshake")], True),
    "lost in HELO": Case(one(HI, b"502 x\r\n", Close()), [lost("performing the HELO handshake")], True),
    "lost amid EHLO lines": Case(one(HI, Part(b"250-x\r\n250-PIPEL"), Close()), [lost("performing the EHLO handshake")], True),
    # MAIL
    "MAIL 550": Case(one(*P, b"550 5.7.1 you\r\n", OK, b"503 x\r\n"), [said("550 5.7.1 you", MAIL, "5.7.1", "bounced")]),
    "MAIL 550, plain": Case(one(*B, b"550 5.7.1 you\r\n"), [said("550 5.7.1 you", MAIL, "5.7.1", "bounced")]),
    "MAIL 451": Case(one(*P, b"451 4.7.1 wait\r\n", b"503 x\r\n", b"503 x\r\n"), [said("451 4.7.1 wait", MAIL, "4.7.1", "deferred")]),
    "MAIL 550 and all the rest 2xx": Case(one(*P, b"550 5.7.1 you\r\n", OK, GO, DOT), [said("550 5.7.1 you", MAIL, "5.7.1", "bounced")]),
    "MAIL 354": Case(one(*B, b"354 go\r\n"), [("bounced", "5.5.0", f"host {H} said: 354 go (in reply to {MAIL})")]),
    "MAIL 999": Case(one(*B, b"999 odd\r\n"), [("bounced", "5.5.0", f"host {H} said: 999 odd (in reply to {MAIL})")]),
    "lost in MAIL": Case(one(*B, Close()), [lost("sending MAIL FROM")], True),
    "lost in MAIL, pipelined": Case(one(*P, Close()), [lost("sending MAIL FROM")], True),
    "MAIL 421 and closed": Case(one(*B, b"421 4.3.2 bye\r\n", Close()), [said("421 4.3.2 bye", MAIL, "4.3.2", "deferred")]),
    # RCPT
    "RCPT 550": Case(one(*P, OK, b"550 5.1.1 unknown\r\n", b"503 x\r\n"), [said("550 5.1.1 unknown", RCPT, "5.1.1", "bounced")]),
    "RCPT 450": Case(one(*P, OK, b"450 4.2.0 grey\r\n", b"503 x\r\n"), [said("450 4.2.0 grey", RCPT, "4.2.0", "deferred")]),
    "RCPT 552": Case(one(*B, OK, b"552 5.2.2 full\r\n"), [said("552 5.2.2 full", RCPT, "5.2.2", "bounced")]),
    "RCPT 251": Case(one(*B, OK, b"251 forwarded\r\n", GO, DOT), [SENT]),
    "RCPT 550, then 354": Case(one(*P, OK, b"550 5.1.1 u\r\n", GO, b"554 none\r\n"), [said("550 5.1.1 u", RCPT, "5.1.1", "bounced")]),
    "RCPT 350": Case(one(*B, OK, b"350 odd\r\n"), [("bounced", "5.5.0", f"host {H} said: 350 odd (in reply to {RCPT})")]),
    "lost in RCPT": Case(one(*B, OK, Close()), [lost("sending RCPT TO")], True),
    "one refused, then lost": Case(one(*P, OK, b"550 5.1.1 u\r\n", Close()), [said("550 5.1.1 u", RCPT, "5.1.1", "bounced"),
                                                                         lost("sending RCPT TO")], True),
    "553 and a bare last line": Case(one(*B, OK, b"553-a\r\n553\r\n"), [said("553-a 553", RCPT, "5.0.0", "bounced")]),
    # DATA
    "DATA 554": Case(one(*P, OK, OK, b"554 5.5.1 no\r\n"), [said("554 5.5.1 no", DATA, "5.5.1", "bounced")]),
    "DATA 452": Case(one(*B, OK, OK, b"452 4.3.1 full\r\n"), [said("452 4.3.1 full", DATA, "4.3.1", "deferred")]),
    "DATA 250": Case(one(*B, OK, OK, b"250 what\r\n"), [("bounced", "5.5.0", f"Protocol error: host {H} said: 250 what (in reply to {DATA})")]),
    "lost in DATA": Case(one(*B, OK, OK, Close()), [lost("sending DATA command")], True),
    "lost in DATA, pipelined": Case(one(*P, OK, OK, Close()), [lost("sending DATA command")], True),
    # the final dot
    "dot 554": Case(one(*P, OK, OK, GO, b"554 5.7.1 spam\r\n"), [said("554 5.7.1 spam", END, "5.7.1", "bounced")]),
    "dot 451": Case(one(*P, OK, OK, GO, b"451 4.3.0 later\r\n"), [said("451 4.3.0 later", END, "4.3.0", "deferred")]),
    "dot 354": Case(one(*P, OK, OK, GO, b"354 more\r\n"), [("bounced", "5.5.0", f"host {H} said: 354 more (in reply to {END})")]),
    "dot 421": Case(one(*P, OK, OK, GO, b"421 4.3.2 bye\r\n", Close()), [said("421 4.3.2 bye", END, "4.3.2", "deferred")]),
    "lost after the dot": Case(one(*P, OK, OK, GO, Close()),
                               [lost("sending end of data -- message may be sent more than once")], True),
    "half a reply to the dot": Case(one(*P, OK, OK, GO, Part(b"250 2.0.0 Ok"), Close()),
                                    [lost("sending end of data -- message may be sent more than once")], True),
    # enhanced codes
    "other class": Case(one(*B, OK, b"550 4.1.1 u\r\n"), [said("550 4.1.1 u", RCPT, "5.0.0", "bounced")]),
    "code run on": Case(one(*B, OK, b"550 5.1.1.1 u\r\n"), [said("550 5.1.1.1 u", RCPT, "5.0.0", "bounced")]),
    "code of big numbers": Case(one(*B, OK, b"550 5.123.456 u\r\n"), [said("550 5.123.456 u", RCPT, "5.123.456", "bounced")]),
    "code of too big numbers": Case(one(*B, OK, b"550 5.1234.1 u\r\n"), [said("550 5.1234.1 u", RCPT, "5.0.0", "bounced")]),
    "code in the first line only": Case(one(*B, OK, b"550-5.1.1 u\r\n550 bye\r\n"), [said("550-5.1.1 u 550 bye", RCPT, "5.0.0", "bounced")]),
    "blanks before the code": Case(one(*B, OK, b"550    5.1.1 u\r\n"), [said("550    5.1.1 u", RCPT, "5.1.1", "bounced")]),
    # nonsense
    "control bytes": Case(one(*B, OK, b"550 5.1.1 a\x1b[2Jb\x07c\x7fd\te\r\n"), [said("550 5.1.1 a?[2Jb?c?d?e", RCPT, "5.1.1", "bounced")]),
    "NUL": Case(one(*B, OK, b"550 5.1.1 a\0b\r\n"), [said("550 5.1.1 a?b", RCPT, "5.1.1", "bounced")], same=False),
    "8-bit": Case(one(*B, OK, b"550 5.1.1 \xff\xfe \x85\r\n"), [said("550 5.1.1 ?? ?", RCPT, "5.1.1", "bounced")]),
    "right-to-left override": Case(one(*B, OK, b"550 5.1.1 \xe2\x80\xaex\r\n"), [said("550 5.1.1 ???x", RCPT, "5.1.1", "bounced")], same=False),
    "CR inside": Case(one(*B, OK, b"550 5.1.1 a\rto=<x>, status=sent\r\n"),
                      [said("550 5.1.1 a?to=<x>, status=sent", RCPT, "5.1.1", "bounced")]),
    "HTTP": Case(one(Part(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n"), Close()), [lost("receiving the initial server greeting")], True),
    "TLS alert": Case(one(Part(b"\x15\x03\x01\x00\x02\x02\x46"), Close()), [lost("receiving the initial server greeting")], True),
    "garbage, plain": Case(one(*B, b"what?\r\n250 ok\r\n", OK, GO, DOT), [SENT]),
    "garbage in a refusal": Case(one(*B, OK, b"what?\r\n550 5.1.1 u\r\n"), [said("what? 550 5.1.1 u", RCPT, "5.1.1", "bounced")]),
    "four digits": Case(one(*B, b"2500 x\r\n250 ok\r\n", OK, GO, DOT), [SENT]),
    "empty lines": Case(one(*B, b"\r\n\r\n250 ok\r\n", OK, GO, DOT), [SENT]),
    "too many replies": Case(one(*P, OK, OK, GO, DOT + b"250 more\r\n250 more\r\n"), [SENT]),
    "line of 3000": Case(one(*B, OK, b"550 5.1.1 " + b"x" * 3000 + b"\r\n"),
                         [("bounced", "5.1.1", f"host {H} said: 550 5.1.1 " + "x" * 1800)], same=False),
    "reply of 99 lines": Case(one(*B, OK, b"550-5.1.1 abc\r\n" * 98 + b"550 5.1.1 end\r\n"),
                              [("bounced", "5.1.1", f"host {H} said: 550-5.1.1 abc 550-5.1.1 abc")], same=False),
    "line without end": Case(one(*B, b"250 " + b"x" * 400_000), [lost("sending MAIL FROM")], True, same=False),
    "reply without end": Case(one(*B, b"250-x\r\n" * 5000), [lost("sending MAIL FROM")], True, same=False),
    # SIZE and the like
    "too big": Case(one(HI, b"250-x\r\n250 SIZE 10\r\n"), [("bounced", "5.3.4", f"message size SIZE exceeds size limit 10 of server {H}")]),
    "SIZE of nonsense": Case(one(HI, b"250-x\r\n250 SIZE 1x\r\n", OK, OK, GO, DOT), [SENT]),
    "SIZE of 20 digits": Case(one(HI, b"250-x\r\n250 SIZE 99999999999999999999\r\n", OK, OK, GO, DOT), [SENT]),
    "SIZE 0": Case(one(HI, b"250-x\r\n250 SIZE 0\r\n", OK, OK, GO, DOT), [SENT]),
}
