"""The arguments of MAIL and RCPT (RFC 5321 section 4.1.2, RFC 3461 section 4).

The law: the path that nearly every client sends, <atoms@host.name>, is taken where it
lies; anything else is the address parser's. What ENVID and ORCPT may hold is said in _core.xtext.
"""

from libc.stdint cimport uint64_t
from libc.string cimport memchr
from pyfix._core.chars cimport ATEXT, has_class, valid_host
from pyfix._core.span cimport (NUMBER_HUGE, NUMBER_SYNTAX, Span, span, span_bytes, span_is, span_number,
                               span_starts)
from pyfix._core.xtext cimport orcpt_value, xtext_value


cdef bint simple_path(Span raw, Span* address) noexcept nogil:
    """Is `raw` "<local@host>", "<local>" or "<>", all atoms without "%" and "!"? Then `address` is what is inside."""
    cdef size_t at = 1
    cdef size_t end = raw.n - 1
    if raw.n < 2 or raw.p[0] != b'<' or raw.p[end] != b'>':
        return False
    address[0] = span(raw.p + 1, raw.n - 2)
    if raw.n == 2:
        return True
    if raw.p[1] == b'-':
        return False
    while at < end and (has_class(raw.p[at], ATEXT) or (raw.p[at] == b'.' and at > 1)):
        at += 1
    if at == 1 or raw.p[at - 1] == b'.' or memchr(raw.p + 1, b'%', at - 1) != NULL or memchr(raw.p + 1, b'!', at - 1) != NULL:
        return False            # routes inside are the resolver's to judge
    return at == end or (raw.p[at] == b'@' and valid_host(raw.p + at + 1, end - at - 1) and raw.p[end - 1] != b'.')


cdef int notify_bits(Span value) noexcept nogil:
    """NOTIFY= to bits (never 1, success 2, failure 4, delay 8); 0 if malformed, or NEVER beside another.

    As in Postfix a word may stand there twice, and between commas there may be none.
    """
    cdef size_t start = 0, at = 0
    cdef int bits = 0, bit
    cdef Span word
    while at <= value.n:
        if at < value.n and value.p[at] != b',':
            at += 1
            continue
        word = span(value.p + start, at - start)
        bit = 1 if span_is(word, b"NEVER", 5) else 2 if span_is(word, b"SUCCESS", 7) \
            else 4 if span_is(word, b"FAILURE", 7) else 8 if span_is(word, b"DELAY", 5) else 0
        if bit == 0 and word.n:
            return 0
        bits |= bit
        at += 1
        start = at
    return 0 if bits & 1 and bits != 1 else bits


cdef class Arguments:
    """The parameters of the MAIL or RCPT command at hand."""

    cdef void begin_mail(self) noexcept:
        self.size = self.ret = 0
        self.eight_bit_mime = self.seven_bit = self.utf8 = False
        self.envid = self.auth = self.verp = None

    cdef void begin_rcpt(self) noexcept:
        self.notify, self.orcpt = 0, None

    cdef bytes mail_parameter(self, Span arg, bint no_dsn, bint with_auth):
        """Takes one parameter; the reply if it is bad."""
        cdef uint64_t number = 0
        if span_starts(arg, b"SIZE=", 5):
            status = span_number(span(arg.p + 5, arg.n - 5), &number)
            if status == NUMBER_SYNTAX:
                return b"501 5.5.4 Bad message size syntax"
            if status == NUMBER_HUGE:
                return b"552 5.3.4 Message size exceeds file system imposed limit"
            self.size = number
        elif span_is(arg, b"BODY=8BITMIME", 13):
            self.eight_bit_mime, self.seven_bit = True, False
        elif span_is(arg, b"BODY=7BIT", 9):
            self.eight_bit_mime, self.seven_bit = False, True
        elif self.utf8 and span_is(arg, b"SMTPUTF8", 8):
            pass
        elif span_starts(arg, b"RET=", 4):
            if no_dsn:
                return b"501 5.7.1 DSN support is disabled"
            ret = 1 if span_is(arg, b"RET=FULL", 8) else 2 if span_is(arg, b"RET=HDRS", 8) else 0
            if self.ret or not ret:
                return b"501 5.5.4 Bad RET parameter syntax"
            self.ret = ret
        elif span_starts(arg, b"ENVID=", 6):
            if no_dsn:
                return b"501 5.7.1 DSN support is disabled"
            if self.envid is not None:
                return b"501 5.5.4 Bad ENVID parameter syntax"
            self.envid = xtext_value(span(arg.p + 6, arg.n - 6), False)
            if not self.envid:
                return b"501 5.5.4 Bad ENVID parameter syntax"
        elif span_starts(arg, b"AUTH=", 5):
            if not with_auth:
                return None             # Postfix, too, takes no notice of it while SASL is off
            if self.auth is not None:
                return b"503 5.5.4 Error: multiple AUTH= options"
            self.auth = xtext_value(span(arg.p + 5, arg.n - 5), False)
            if self.auth is None:
                return b"501 5.5.4 Bad AUTH parameter syntax"
        elif self.verp_allowed is not None and (span_is(arg, b"XVERP", 5) or span_starts(arg, b"XVERP=", 6)):
            return self.verp_parameter(arg)
        else:
            return b"555 5.5.4 Unsupported option: %b" % span_bytes(arg)
        return None

    cdef bytes verp_parameter(self, Span arg):
        """XVERP, with two delimiters or none (VERP_README)."""
        self.verp = arg.p[min(arg.n, 6):arg.n]
        if arg.n != 5 and (arg.n != 8 or self.verp.strip(self.verp_allowed)):
            return b"501 5.5.4 Error: XVERP needs two characters from " + self.verp_allowed
        return None

    cdef bytes rcpt_parameter(self, Span arg, bint no_dsn):
        """Takes one parameter of RCPT; the reply if it is bad."""
        if span_starts(arg, b"NOTIFY=", 7):
            if no_dsn:
                return b"501 5.7.1 DSN support is disabled"
            if self.notify == 0:
                self.notify = notify_bits(span(arg.p + 7, arg.n - 7))
                if self.notify:
                    return None
            return b"501 5.5.4 Error: Bad NOTIFY parameter syntax"
        if span_starts(arg, b"ORCPT=", 6):
            if no_dsn:
                return b"501 5.7.1 DSN support is disabled"
            if self.orcpt is None:
                self.orcpt = orcpt_value(span(arg.p + 6, arg.n - 6))
                if self.orcpt is not None:
                    return None
            return b"501 5.5.4 Error: Bad ORCPT parameter syntax"
        return b"555 5.5.4 Unsupported option: %b" % span_bytes(arg)


def path(raw: bytes) -> bytes | None:
    """The address in a plain path, None if the address parser has to look at it."""
    cdef Span address
    return span_bytes(address) if simple_path(span(raw, len(raw)), &address) else None


def notify(value: bytes) -> int:
    """NOTIFY= to model.NOTIFY_* bits, 0 if malformed."""
    return notify_bits(span(value, len(value)))
