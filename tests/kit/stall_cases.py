"""Servers that fall silent, say 421 or go away at exactly one point of the dialogue, and where the client was then.

tests/dialogs/test_client_stalls.py plays them to pyfix's agent, tests/interop/test_smtp_stalls.py to Debian's smtp(8) too, so
that texts are compared. A step that is True stands for "now": it becomes Silence(), Close() or a 421.
"""

from typing import Any

from tests.kit.client_cases import BARE, DOT, GO, HI, OK, PIPE

NOW = True
FORWARD = PIPE.replace(b"250 DSN", b"250 XFORWARD NAME ADDR PROTO HELO IDENT")
END = "sending end of data -- message may be sent more than once"

# name -> (script, where, number of recipients)
STALLS: dict[str, tuple[list[Any], str, int]] = {
    "greeting": ([NOW], "receiving the initial server greeting", 1),
    "EHLO": ([HI, NOW], "performing the EHLO handshake", 1),
    "HELO": ([HI, b"502 what\r\n", NOW], "performing the HELO handshake", 1),
    "XFORWARD": ([HI, FORWARD, NOW], "sending XFORWARD name/address", 1),
    "second XFORWARD": ([HI, FORWARD, OK, NOW], "sending XFORWARD name/address", 1),
    "MAIL": ([HI, BARE, NOW], "sending MAIL FROM", 1),
    "MAIL, pipelined": ([HI, PIPE, NOW], "sending MAIL FROM", 1),
    "RCPT": ([HI, BARE, OK, NOW], "sending RCPT TO", 1),
    "RCPT, pipelined": ([HI, PIPE, OK, NOW], "sending RCPT TO", 1),
    "second RCPT": ([HI, BARE, OK, OK, NOW], "sending RCPT TO", 2),
    "second RCPT, pipelined": ([HI, PIPE, OK, OK, NOW], "sending RCPT TO", 2),
    "DATA": ([HI, BARE, OK, OK, NOW], "sending DATA command", 1),
    "DATA, pipelined": ([HI, PIPE, OK, OK, NOW], "sending DATA command", 1),
    "dot": ([HI, BARE, OK, OK, GO, NOW], END, 1),
    "dot, pipelined": ([HI, PIPE, OK, OK, GO, NOW], END, 1),
    "dot of two": ([HI, PIPE, OK, OK, OK, GO, NOW], END, 2),
}
LMTP_STALLS: dict[str, tuple[list[Any], str, int]] = {
    "LHLO": ([HI, NOW], "performing the LHLO handshake", 1),
    "MAIL": ([HI, PIPE, NOW], "sending MAIL FROM", 1),
    "RCPT": ([HI, PIPE, OK, NOW], "sending RCPT TO", 1),
    "DATA": ([HI, PIPE, OK, OK, NOW], "sending DATA command", 1),
    "dot": ([HI, PIPE, OK, OK, GO, NOW], END, 1),
}
TAKEN = [HI, PIPE, OK, OK, GO, DOT]


def script(steps: list[Any], now: Any) -> list[Any]:
    """The steps with what happens at NOW."""
    return [now if step is NOW else step for step in steps]
