"""What a client session is to say: settings, one message's envelope, and addresses as MAIL and RCPT carry them.

Law: RFC 5321 4.1.2 (paths, quoting). Values only; _core.client makes the dialogue of them.
"""


cdef bint needs_quotes(const char* text, Py_ssize_t length) noexcept nogil:
    """Whether a local part is not an RFC 5321 dot-string (bytes >= 0x80 count as atom text)."""
    cdef Py_ssize_t i
    cdef unsigned char c, before = 46
    if length == 0:
        return True
    for i in range(length):
        c = <unsigned char>text[i]
        if c <= 32 or c == 127 or c in (34, 40, 41, 44, 58, 59, 60, 62, 64, 91, 92, 93):
            return True
        if c == 46 and before == 46:
            return True
        before = c
    return before == 46


cpdef bint printable_address(bytes address) except -1:
    """Whether `address` holds no control character (below space, or DEL)."""
    cdef const unsigned char* text = <const unsigned char*><char*>address
    cdef Py_ssize_t i
    for i in range(len(address)):
        if text[i] < 32 or text[i] == 127:
            return False
    return True


cpdef bytes external(bytes address):
    """`address` (internal form) as it stands between the angle brackets of MAIL and RCPT.

    The local part is put in quotes where RFC 5321 4.1.2 asks for it; b"" stays b"".
    ValueError: it holds a control character, which no quoting makes safe on the wire.
    """
    cdef Py_ssize_t at, length = len(address)
    if not printable_address(address):
        raise ValueError("control character in address")
    if length == 0:
        return address
    at = address.rfind(b"@")
    if at < 0:
        at = length
    if not needs_quotes(address, at):
        return address
    local = address[:at].replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"' + local + b'"' + address[at:]


cdef class Settings:
    """What a ClientCore needs to know of the configuration. Immutable, shared by all sessions of a transport.

    discard is a mask of features not to believe (smtp_discard_ehlo_keywords); reply_filter
    None or a callable bytes -> bytes applied to each reply line (smtp_reply_filter).
    """

    def __init__(self, bytes helo, *, bytes hostname=b"", bint lmtp=False, bint always_ehlo=True, bint never_ehlo=False,
                 bint skip_5xx_greeting=True, bint skip_quit_response=True, int discard=0, reply_filter=None):
        self.helo, self.hostname, self.lmtp = helo, hostname, lmtp
        self.always_ehlo, self.never_ehlo = always_ehlo, never_ehlo
        self.skip_5xx_greeting, self.skip_quit_response = skip_5xx_greeting, skip_quit_response
        self.discard, self.reply_filter = discard, reply_filter


cdef class Request:
    """One message for one session: sender and recipients in external form (see external()).

    size      what SIZE= says; body b"" | b"7BIT" | b"8BITMIME"; utf8: ask for SMTPUTF8
    envid     RFC 3461 ENVID, decoded; ret 0, 1 FULL, 2 HDRS
    dsn       None, or for each recipient (notify bits, ORCPT as model.Recipient has it; b"": the recipient itself)
    xforward  the values of XFORWARD commands ready for the wire, e.g. b"NAME=a ADDR=192.0.2.1"
    """

    def __init__(self, bytes sender, list recipients, *, long long size=0, bytes body=b"", bint utf8=False,
                 bytes envid=b"", int ret=0, list dsn=None, list xforward=None):
        self.sender, self.recipients, self.size = sender, recipients, size
        self.body, self.utf8, self.envid, self.ret = body, utf8, envid, ret
        self.dsn, self.xforward = dsn, xforward
