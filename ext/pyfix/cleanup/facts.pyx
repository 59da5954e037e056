"""What cleanup must know of a message header, in one pass and without an object a field.

Law: cleanup(8), RFC 5322 section 2.2. A field is a name of printable characters, optional blanks and
a colon; lines that begin with a blank or tab continue it. The first line that is neither ends the header, as
does an empty one.
"""

from libc.string cimport memchr, memset


cdef inline bint same(const char* p, const char* lower, size_t n) noexcept nogil:
    """Whether n bytes at p equal the lower-case name, letters of any case."""
    cdef size_t i
    for i in range(n):
        if (p[i] | 0x20) != lower[i]:
            return False
    return True


cdef inline size_t name_length(const char* p, size_t n) noexcept nogil:
    """Length of the field name that starts the line, 0 when it is no field."""
    cdef size_t i = 0, end
    while i < n and 33 <= <unsigned char> p[i] <= 126 and p[i] != b":":
        i += 1
    end = i
    while i < n and (p[i] == b" " or p[i] == b"\t"):
        i += 1
    if i < n and p[i] == b":":
        return end
    return 0


cdef unsigned int resent_bits(const char* p, size_t n) noexcept nogil:
    """The bits of a field whose name begins with "Resent-"."""
    if n == 11 and same(p + 7, b"date", 4):
        return F_RESENT | F_RESENT_DATE
    if n == 11 and same(p + 7, b"from", 4):
        return F_RESENT | F_RESENT_FROM
    if n == 17 and same(p + 7, b"message-id", 10):
        return F_RESENT | F_RESENT_MESSAGE_ID
    if n == 9 and (same(p + 7, b"to", 2) or same(p + 7, b"cc", 2)):
        return F_RESENT | F_RESENT_RCPT
    return F_RESENT


cdef unsigned int field_bits(const char* p, size_t n) noexcept nogil:
    """The bits of Facts.present for a field name."""
    if n == 4 and same(p, b"date", 4):
        return F_DATE
    if n == 4 and same(p, b"from", 4):
        return F_FROM
    if n == 2 and same(p, b"to", 2):
        return F_TO
    if n == 2 and same(p, b"cc", 2):
        return F_CC
    if n == 3 and same(p, b"bcc", 3):
        return F_BCC
    if n == 10 and same(p, b"message-id", 10):
        return F_MESSAGE_ID
    if n == 6 and same(p, b"sender", 6):
        return F_SENDER
    if n == 8 and same(p, b"reply-to", 8):
        return F_REPLY_TO
    if n > 8 and same(p, b"content-", 8) or n == 12 and same(p, b"mime-version", 12):
        return F_MIME
    if n > 7 and same(p, b"resent-", 7):
        return resent_bits(p, n)
    return 0


cdef bint dropped(const char* p, size_t n, unsigned int mask) noexcept nogil:
    """Whether message_drop_headers names this field."""
    if mask & DROP_BCC and n == 3 and same(p, b"bcc", 3):
        return True
    if mask & DROP_CONTENT_LENGTH and n == 14 and same(p, b"content-length", 14):
        return True
    if mask & DROP_RESENT_BCC and n == 10 and same(p, b"resent-bcc", 10):
        return True
    return mask & DROP_RETURN_PATH and n == 11 and same(p, b"return-path", 11)


cdef void trim(const char* p, Range* r) noexcept nogil:
    """Takes blanks and line ends off both ends of a range."""
    while r.start < r.end and (p[r.start] == b" " or p[r.start] == b"\t" or p[r.start] == b"\r" or p[r.start] == b"\n"):
        r.start += 1
    while r.end > r.start and (p[r.end - 1] == b" " or p[r.end - 1] == b"\t" or p[r.end - 1] == b"\r"
                               or p[r.end - 1] == b"\n"):
        r.end -= 1


cdef bint address_field(const char* p, size_t n, unsigned int bits) noexcept nogil:
    """Whether a field of this name holds addresses that cleanup rewrites."""
    if bits & (F_FROM | F_TO | F_CC | F_BCC | F_SENDER | F_REPLY_TO | F_RESENT_FROM | F_RESENT_RCPT):
        return True
    if bits & F_RESENT:
        return (n == 13 and same(p + 7, b"sender", 6)) or (n == 15 and same(p + 7, b"reply-to", 8)) \
            or (n == 10 and same(p + 7, b"bcc", 3))
    return (n == 9 and same(p, b"errors-to", 9)) or (n == 17 and same(p, b"return-receipt-to", 17)) \
        or (n == 27 and same(p, b"disposition-notification-to", 27)) or (n == 13 and same(p, b"apparently-to", 13))


cdef inline bint atom_char(char c) noexcept nogil:
    """Letters, digits and the harmless marks of an atom: none that routes, quotes or separates."""
    return b"a" <= c <= b"z" or b"A" <= c <= b"Z" or b"0" <= c <= b"9" or c == b"-" or c == b"_" or c == b"+" \
        or c == b"=" or c == b"'" or c == b"/" or c == b"&" or c == b"#" or c == b"*" or c == b"~"


cdef inline bint blank_char(char c) noexcept nogil:
    return c == b" " or c == b"\t" or c == b"\r" or c == b"\n"


cdef size_t plain_address(const char* p, size_t n) noexcept nogil:
    """Length of a local@domain.tld that no rewriting changes, at the start of [p, p+n); 0 if there is none."""
    cdef size_t i = 0, at
    while i < n and (atom_char(p[i]) or (p[i] == b"." and i and p[i - 1] != b".")):
        i += 1
    if i == 0 or i >= n or p[i] != b"@" or p[i - 1] == b".":
        return 0
    at = i
    cdef bint dotted = False
    i += 1
    while i < n and (b"a" <= p[i] <= b"z" or b"A" <= p[i] <= b"Z" or b"0" <= p[i] <= b"9" or p[i] == b"-" or p[i] == b"."):
        if p[i] == b".":
            if p[i - 1] == b"." or p[i - 1] == b"@":
                return 0
            dotted = True
        i += 1
    return i if dotted and i > at + 1 and p[i - 1] != b"." else 0


cdef bint plain_list(const char* p, size_t n) noexcept nogil:
    """Whether [p, p+n) is a list of `a@b.c` and `Some Name <a@b.c>` that rewriting leaves as it is.

    Anything else (quotes, comments, groups, routes, bare names) is left for the full parser to judge.
    """
    cdef size_t i = 0, length
    while True:
        while i < n and blank_char(p[i]):
            i += 1
        length = plain_address(p + i, n - i)
        if not length:
            while i < n and (atom_char(p[i]) or blank_char(p[i])):
                i += 1
            if i >= n or p[i] != b"<":
                return False
            i += 1
            length = plain_address(p + i, n - i)
            if not length or i + length >= n or p[i + length] != b">":
                return False
            length += 1
        i += length
        while i < n and blank_char(p[i]):
            i += 1
        if i >= n:
            return True
        if p[i] != b",":
            return False
        i += 1


cdef unsigned int mime_bits(const char* p, size_t name, size_t end) noexcept nogil:
    """What a MIME field at [p, p+end) says of the content that matters when it is sent (RFC 6152 section 3)."""
    cdef Range value
    cdef size_t n
    if name == 25 and same(p, b"content-transfer-encoding", 25):
        value.start, value.end = name, end
        value_of(p, &value)
        n = value.end - value.start
        if (n >= 4 and same(p + value.start, b"8bit", 4)) or (n >= 6 and same(p + value.start, b"binary", 6)):
            return F_EIGHT
    elif name == 12 and same(p, b"content-type", 12):
        value.start, value.end = name, end
        value_of(p, &value)
        n = value.end - value.start
        if (n >= 10 and same(p + value.start, b"multipart/", 10)) or (n >= 8 and same(p + value.start, b"message/", 8)):
            return F_COMPOSITE
    return 0


cdef void value_of(const char* p, Range* r) noexcept nogil:
    """Narrows a range that begins behind a field's name to the value: past the colon, without blanks."""
    while r.start < r.end and p[r.start] != b":":
        r.start += 1
    r.start += 1
    trim(p, r)


cdef bint lacks_fields(const Facts* facts, bint undisclosed) noexcept nogil:
    cdef unsigned int have = facts.present, want = F_MESSAGE_ID | F_DATE | F_FROM
    if have & F_RESENT:
        want = F_RESENT_MESSAGE_ID | F_RESENT_DATE | F_RESENT_FROM
    return have & want != want or (undisclosed and not have & (F_TO | F_CC | F_RESENT_RCPT))


cdef void note_field(const char* p, size_t start, size_t end, size_t name, unsigned int mask,
                     Facts* out) noexcept nogil:
    """Records one whole field, [start, end)."""
    cdef unsigned int bits
    cdef size_t colon
    if p[start + name] != b":":
        out.present |= F_LOOSE
    if name == 8 and same(p + start, b"received", 8):
        out.received += 1
        return
    bits = field_bits(p + start, name)
    if bits == F_MESSAGE_ID and not out.present & F_MESSAGE_ID:
        out.message_id.start = start + name
        while p[out.message_id.start] != b":":       # name_length() found one
            out.message_id.start += 1
        out.message_id.start += 1
        out.message_id.end = end
        trim(p, &out.message_id)
    if bits == F_MIME:
        bits |= mime_bits(p + start, name, end - start)
    out.present |= bits
    if not out.odd and address_field(p + start, name, bits):
        colon = start + name
        while p[colon] != b":":
            colon += 1
        out.odd = not plain_list(p + colon + 1, end - colon - 1)
    if mask and dropped(p + start, name, mask):
        if out.drops == MAX_DROPS:
            out.overflow = True
            return
        out.drop[out.drops].start, out.drop[out.drops].end = start, end
        out.drops += 1


cdef void read_facts(const char* p, size_t n, bint last, unsigned int drop_mask, Facts* out) noexcept nogil:
    cdef size_t at = 0, next_line, field = 0, name = 0
    cdef const char* newline
    memset(out, 0, sizeof(Facts))
    while at < n:
        newline = <const char*> memchr(p + at, b"\n", n - at)
        if newline == NULL:
            if not last:
                return
            next_line = n
        else:
            next_line = newline - p + 1
        if name and (p[at] == b" " or p[at] == b"\t"):
            at = next_line
            continue
        if name:
            note_field(p, field, at, name, drop_mask, out)
        out.end = out.body = at
        name = name_length(p + at, next_line - at)
        if not name:
            out.ended = True
            if newline != NULL and next_line - at == 2 and p[at] == b"\r":
                out.blank = True
                out.body = next_line
            return
        field = at
        at = next_line
    if last:
        if name:
            note_field(p, field, n, name, drop_mask, out)
        out.end = out.body = n
        out.ended = True


def facts_of(bytes header, bint last=True, unsigned int drop_mask=15):
    """For the tests: what read_facts() finds, as a dict."""
    cdef Facts facts
    read_facts(header, len(header), last, drop_mask, &facts)
    return {"ended": bool(facts.ended), "blank": bool(facts.blank), "end": facts.end, "body": facts.body,
            "received": facts.received, "present": facts.present,
            "message_id": header[facts.message_id.start:facts.message_id.end],
            "drop": [(facts.drop[i].start, facts.drop[i].end) for i in range(facts.drops)],
            "overflow": bool(facts.overflow), "odd": bool(facts.odd), "lacks": bool(lacks_fields(&facts, False)),
            "loose": bool(facts.present & F_LOOSE)}

