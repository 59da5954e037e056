"""One SMTP command line, cut into tokens where it lies (RFC 5321 section 4.1.1, smtpd(8)).

The law: tokens are separated by white space, except inside "..." and <...>; quotes and brackets
nest in angle brackets; a backslash protects the next byte. `to:` and `from:` end a
token at their colon. Nothing is copied and nothing is unquoted: that is the address
parser's work.
"""

from libc.stdint cimport uint64_t
from libc.string cimport memcpy, strlen

from pyfix._core.chars cimport SPACE, has_class, put_digits
from pyfix._core.span cimport Span, same_nocase, span, span_bytes, span_is

NAMES = (b"helo", b"ehlo", b"lhlo", b"xclient", b"xforward", b"starttls", b"auth", b"mail", b"rcpt", b"data",
         b"bdat", b"rset", b"noop", b"vrfy", b"etrn", b"quit", b"unknown")
cdef const char* VERBS[VERB_COUNT]
for _number, _name in enumerate(NAMES):
    VERBS[_number] = <bytes> _name


cdef inline size_t skip_quoted(const char* p, size_t n, size_t at, char closing, bint* broken) noexcept nogil:
    """From behind the opening byte to behind its closing one; n and `broken` if there is none."""
    cdef bint quoted = closing == b'"'
    cdef bint nested = not quoted
    cdef size_t depth = 0           # of brackets in brackets
    while at < n:
        if p[at] == b'\\' and at + 1 < n:
            at += 2
            continue
        if p[at] == b'"' and nested:
            quoted = not quoted
        elif p[at] == b'<' and not quoted:
            depth += 1
        elif p[at] == closing and (not quoted or not nested):
            if depth == 0:
                return at + 1
            depth -= 1
        at += 1
    broken[0] = True
    return n


cdef inline bint ends_at_colon(const char* p, size_t n) noexcept nogil:
    return (n == 3 and same_nocase(p, b"TO:", 3)) or (n == 5 and same_nocase(p, b"FROM:", 5))


cdef void tokenize(const char* p, size_t n, Command* command) noexcept nogil:
    cdef size_t at = 0, start
    cdef int count = 0
    command.overflow = False
    while True:
        while at < n and has_class(p[at], SPACE):
            at += 1
        if at == n:
            break
        if count == MAX_TOKENS:
            command.overflow = True
            break
        start = at
        command.broken[count] = False
        while at < n and not has_class(p[at], SPACE):
            if p[at] == b'<':
                at = skip_quoted(p, n, at + 1, b'>', &command.broken[count])
            elif p[at] == b'"':
                at = skip_quoted(p, n, at + 1, b'"', &command.broken[count])
            elif p[at] == b'\\' and at + 1 < n:
                at += 2
            else:
                at += 1
                if p[at - 1] == b':' and ends_at_colon(p + start, at - start):
                    break
        command.token[count] = span(p + start, at - start)
        count += 1
    command.count = count


cdef Verb find_verb(Span name) noexcept nogil:
    if name.n == 4:
        if span_is(name, b"MAIL", 4): return VERB_MAIL
        if span_is(name, b"RCPT", 4): return VERB_RCPT
        if span_is(name, b"DATA", 4): return VERB_DATA
        if span_is(name, b"EHLO", 4): return VERB_EHLO
        if span_is(name, b"HELO", 4): return VERB_HELO
        if span_is(name, b"LHLO", 4): return VERB_LHLO
        if span_is(name, b"RSET", 4): return VERB_RSET
        if span_is(name, b"NOOP", 4): return VERB_NOOP
        if span_is(name, b"QUIT", 4): return VERB_QUIT
        if span_is(name, b"BDAT", 4): return VERB_BDAT
        if span_is(name, b"VRFY", 4): return VERB_VRFY
        if span_is(name, b"ETRN", 4): return VERB_ETRN
        if span_is(name, b"AUTH", 4): return VERB_AUTH
    elif span_is(name, b"STARTTLS", 8): return VERB_STARTTLS
    elif span_is(name, b"XCLIENT", 7): return VERB_XCLIENT
    elif span_is(name, b"XFORWARD", 8): return VERB_XFORWARD
    return VERB_UNKNOWN


cdef bytes tally(const uint64_t* good, const uint64_t* total):
    """" ehlo=1 mail=1/2 ... commands=2/3": how many of each verb did well, of how many."""
    cdef char[VERB_COUNT * 52 + 52] text        # the longest name, two numbers of 20 digits
    cdef uint64_t all_good = 0, all_total = 0
    cdef size_t at = 0
    cdef int i
    for i in range(VERB_COUNT):
        if total[i]:
            all_good += good[i]
            all_total += total[i]
            at = put_ratio(text, at, VERBS[i], good[i], total[i])
    at = put_ratio(text, at, b"commands", all_good, all_total)
    return text[:at]


cdef size_t put_ratio(char* text, size_t at, const char* name, uint64_t good, uint64_t total) noexcept nogil:
    """Appends " name=good/total", or " name=total" where all did well: the new length."""
    cdef size_t length = strlen(name)
    if not total:
        return at + put_text(text + at, b" commands=0/0", 13)
    text[at] = b' '
    memcpy(text + at + 1, name, length)
    at += length + 1
    text[at] = b'='
    at = put_number(text, at + 1, good)
    if good == total:
        return at
    text[at] = b'/'
    return put_number(text, at + 1, total)


cdef size_t put_text(char* text, const char* p, size_t n) noexcept nogil:
    memcpy(text, p, n)
    return n


cdef size_t put_number(char* text, size_t at, uint64_t number) noexcept nogil:
    """Appends decimal digits: the new length."""
    cdef char[20] digits
    cdef size_t start = put_digits(number, digits)
    return at + put_text(text + at, digits + start, 20 - start)


def tokens(line: bytes) -> list:
    """[(type, text), ...] of a command line; type is "error" where a closing quote or bracket is missing, else "other"."""
    cdef Command command
    cdef int i
    tokenize(line, len(line), &command)
    return [("error" if command.broken[i] else "other", span_bytes(command.token[i])) for i in range(command.count)]


def verb(name: bytes) -> bytes:
    """The verb's name in lower case, b"unknown" if it is none."""
    return NAMES[find_verb(span(name, len(name)))]
