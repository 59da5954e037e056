"""What a failure is called: Postfix's texts for reasons, and which status they have.

Law: smtp(8), RFC 3463. Log readers and bounces depend on these strings.
"""

WHERE = {
    "greeting": "receiving the initial server greeting", "ehlo": "performing the EHLO handshake",
    "helo": "performing the HELO handshake", "lhlo": "performing the LHLO handshake", "rset": "sending RSET probe",
    "xforward": "sending XFORWARD name/address", "mail": "sending MAIL FROM", "rcpt": "sending RCPT TO",
    "data": "sending DATA command", "content": "sending message body",
    "dot": "sending end of data -- message may be sent more than once", "quit": "sending QUIT", "idle": "sending MAIL FROM",
    "closed": "sending QUIT",
}
REQUEST = {"mail": "MAIL FROM command", "rcpt": "RCPT TO command", "data": "DATA command", "dot": "end of DATA command"}
TEXT_LIMIT = 1900       # bytes of a reason, so that its log line stays whole


def lost(name: str, how: str, stage: str) -> tuple[str, str]:
    """(dsn, reason) of a connection that broke ("lost") or fell silent ("timeout")."""
    if how == "timeout":
        return "4.4.2", f"conversation with {name} timed out while {WHERE[stage]}"
    return "4.4.2", f"lost connection with {name} while {WHERE[stage]}"


def no_connection(address: str, error: str) -> tuple[str, str]:
    """(dsn, reason) of a connection that could not be made."""
    return "4.4.1", f"connect to {address}: {error}"


def said(name: str, stage: str, dsn: str, text: str) -> tuple[str, str]:
    """(dsn, reason) of a refused command."""
    return protocol_error(dsn, f"host {name} said: {text} (in reply to {REQUEST[stage]})")


def refused(name: str, dsn: str, text: str) -> tuple[str, str]:
    """(dsn, reason) of a server that won't talk to us."""
    return protocol_error(dsn, f"host {name} refused to talk to me: {text}")


def protocol_error(dsn: str, reason: str) -> tuple[str, str]:
    """A refusal must be 4xx or 5xx; another code is the server's mistake, and final. (Only of a 2xx does smtp(8) say so.)"""
    if dsn.startswith("2"):
        reason = "Protocol error: " + reason
    return dsn if dsn[:1] in ("4", "5") else "5.5.0", reason[:TEXT_LIMIT]


def soft(dsn: str) -> bool:
    """Whether another try may help."""
    return dsn.startswith("4")
