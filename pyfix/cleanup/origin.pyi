"""Where a message comes from, as cleanup and the Received field need it."""

class Origin:
    """One client session, or one local submission.

    received    what follows "Received: " up to the id clause, e.g.
                b"from HELO (name [192.0.2.1])\\r\\n\\tby host (Postfix) with ESMTP id "; built once a session
    attributes  the envelope's attributes (client_name, client_address, client_port, protocol, helo ...)
    described   "name[address]" for log lines, "local" for a submission
    local       whether missing header fields are added and header addresses completed
                (local_header_rewrite_clients matched, or a local submission)
    uid         the submitter's user id, -1 for SMTP
    full_name   sender's full name for a From field that has to be made
    logged      the client in the line that gives the queue ID
    utf8        it says UTF8SMTP (RFC 6531): for SMTPUTF8 messages of the session
    """

    received: bytes
    attributes: dict[str, str]
    described: str
    local: bool
    uid: int
    full_name: str
    utf8: bool
    logged: bytes
    def __init__(self, received: bytes, attributes: dict[str, str], described: str, local: bool = ..., uid: int = ...,
                 full_name: str = ..., utf8: bool = ..., logged: bytes = ...) -> None: ...
    def change(self, attributes: dict[str, str]) -> None:
        """Sets attributes of this origin, and of none that it shares values with."""
