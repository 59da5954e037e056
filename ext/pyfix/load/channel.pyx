"""TLS between a Stream and the protocol above it: wire bytes in, plain bytes out, and back (RFC 8446, RFC 5246).

The law: all cryptography is OpenSSL's, through Python's ssl and two memory BIOs; nothing here reads or writes a socket. What is
said in one turn of the loop is gathered and sealed once, so that many small replies cost one record. ssl.SSLError is for
the caller, who knows whose fault it is.
"""

import ssl

cdef enum:
    PIECE = 65536                # bytes taken out at once


cdef class Channel:
    """One TLS connection. context: ssl.SSLContext; name: the server's, for the client's side; session: one to resume, or None."""

    def __init__(self, context, bint server, name=None, session=None):
        self.incoming, self.outgoing, self.plain = ssl.MemoryBIO(), ssl.MemoryBIO(), bytearray()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=server, server_hostname=name, session=session)

    cdef int put(self, const char* p, Py_ssize_t n) except -1:
        """What has come from the wire."""
        if n:
            self.incoming.write(p[:n])
        return 0

    cdef bint shake(self) except -1:
        """Goes on with the handshake; True once it is done. seal() has what is to be sent, also after an SSLError."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        self.done = True
        return True

    cdef bytes take(self):
        """The plain bytes that are there. The peer's farewell sets `ended`."""
        cdef list pieces = []
        try:
            while piece := self.tls.read(PIECE):
                pieces.append(piece)
            self.ended = True
        except ssl.SSLWantReadError:
            pass                 # the rest is still to come
        except ssl.SSLZeroReturnError:
            self.ended = True
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    cdef int keep(self, const char* p, Py_ssize_t n) except -1:
        """Plain bytes to be sealed."""
        self.plain += p[:n]
        return 0

    cdef bytes seal(self):
        """All that is to go to the wire. OpenSSL takes a record at a time."""
        cdef Py_ssize_t at = 0
        if self.plain:
            with memoryview(self.plain) as view:
                while at < len(view):
                    at += self.tls.write(view[at:])
            self.plain.clear()
        return self.outgoing.read()

    cdef bytes farewell(self):
        """The rest, and that nothing follows it."""
        cdef bytes rest = b""
        try:
            rest = self.seal()
            self.tls.unwrap()
        except ssl.SSLError:
            pass                 # the peer's own farewell is not waited for; a broken connection takes nothing more
        return rest + self.outgoing.read()

    @property
    def cipher(self) -> str:
        """Protocol version and cipher."""
        return f"{self.tls.version()} {self.tls.cipher()[0]}"

    @property
    def resumed(self) -> bool:
        """Whether an earlier session was taken up."""
        return bool(self.tls.session_reused)

    @property
    def session(self):
        """What a later connection may take up, or None (TLS 1.3: only after the server has sent something)."""
        return self.tls.session
