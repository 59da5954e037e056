"""The arguments of MAIL and RCPT."""

from libc.stdint cimport int64_t

from pyfix._core.span cimport Span


cdef bint simple_path(Span raw, Span* address) noexcept nogil
cdef int notify_bits(Span value) noexcept nogil


cdef class Arguments:
    cdef readonly bytes envid, orcpt, auth       # decoded; None: not given
    cdef readonly int64_t size                   # SIZE=, 0 not given
    cdef readonly int notify, ret                # model.NOTIFY_* bits, model.RET_*
    cdef readonly bint eight_bit_mime, seven_bit, utf8
    cdef readonly bytes verp                     # XVERP=, b"" without a value; None: not given
    cdef public bytes verp_allowed               # verp_delimiter_filter, None: this client may not say XVERP

    cdef void begin_mail(self) noexcept
    cdef void begin_rcpt(self) noexcept
    cdef bytes mail_parameter(self, Span arg, bint no_dsn, bint with_auth)
    cdef bytes verp_parameter(self, Span arg)
    cdef bytes rcpt_parameter(self, Span arg, bint no_dsn)
