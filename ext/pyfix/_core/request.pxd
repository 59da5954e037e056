"""C-level face of the client's values; see request.pyx."""

cdef class Settings:
    cdef readonly bint lmtp, always_ehlo, never_ehlo, skip_5xx_greeting, skip_quit_response
    cdef readonly bytes helo, hostname
    cdef readonly int discard
    cdef readonly object reply_filter

cdef class Request:
    cdef readonly bytes sender, envid, body
    cdef readonly list recipients, dsn, xforward
    cdef readonly long long size
    cdef readonly int ret
    cdef readonly bint utf8

cpdef bint printable_address(bytes address) except -1
cpdef bytes external(bytes address)
