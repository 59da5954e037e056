"""What the server core has to know of the configuration."""

from libc.stdint cimport uint64_t


cdef class Limits:
    cdef readonly bytes hostname
    cdef readonly size_t line_length
    cdef readonly uint64_t message_size
    cdef readonly int recipients, overshoot, soft_errors, hard_errors, junk, newlines, bare_code, features
    cdef readonly bint helo_required, forbid_pipelining, no_vrfy, lmtp, smtputf8, standalone, strict_paths, has_ignored
    cdef readonly object forbidden, ignored
    cdef readonly object path
