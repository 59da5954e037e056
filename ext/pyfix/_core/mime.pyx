"""The structure of a MIME message: logical headers and body lines, as they pass by.

Law: RFC 2045, RFC 2046 section 5, with cleanup(8)'s forgiveness: a header line that is none ends its block, a boundary
matches by its beginning, an inner multipart ends where an outer boundary comes. Nothing is held but one header.
What is found goes to a sink: header(kind, text, offset), header_end(), body(text, more, offset), raw(data),
trouble(kind, text). Offsets are Postfix's: from the start of the header block or of the body, folded lines not counted.
"""

from libc.string cimport memchr

from pyfix._core.chars cimport is_ascii, looks_like_header

MAIN, MULT, NEST = 0, 1, 2
NESTING, HEADER_LENGTH, HEADER_8BIT, BODY_8BIT, DOMAIN = 1, 2, 4, 8, 16

cdef enum:
    S_MAIN, S_MULT, S_NEST, S_BODY
    T_TEXT, T_MULTIPART, T_DIGEST, T_RFC822, T_MESSAGE, T_OTHER

cdef object SPECIALS = frozenset(b'()<>@,;:\\"/[]?=')


cdef bytes first_8bit_line(const char* p, Py_ssize_t n):
    """The first of some whole lines that is not ASCII, without its end."""
    for line in p[:n].split(b"\n"):
        if not line.isascii():
            return line.removesuffix(b"\r")
    return b""


def tokens_of(bytes value):
    """The tokens of a structured MIME field, comments left out: [bytes, ...]; a special is a token of its own."""
    found, at, n = [], 0, len(value)
    while at < n:
        c = value[at]
        if c <= 32 or c == 127:
            at += 1
        elif c == 40:
            at = past_comment(value, at)
        elif c == 34:
            text, at = quoted_string(value, at)
            found.append((True, text))
        elif c in SPECIALS:
            found.append((False, value[at:at + 1]))
            at += 1
        else:
            start = at
            while at < n and value[at] > 32 and value[at] != 127 and value[at] not in SPECIALS:
                at += 1
            found.append((True, value[start:at]))
    return found


cdef Py_ssize_t past_comment(bytes value, Py_ssize_t at):
    """The offset behind the comment that starts at `at`."""
    depth, n = 0, len(value)
    while at < n:
        c = value[at]
        at += 2 if c == 92 else 1
        depth += (c == 40) - (c == 41)
        if depth == 0:
            break
    return min(at, n)


cdef tuple quoted_string(bytes value, Py_ssize_t at):
    """(content, offset behind it) of the quoted string that starts at `at`; a fold is no part of it."""
    out, n = bytearray(), len(value)
    at += 1
    while at < n and value[at] != 34:
        if value[at] == 92 and at + 1 < n:
            at += 1
        if value[at] == 10:
            while at + 1 < n and (value[at + 1] == 32 or value[at + 1] == 9):
                at += 1
        else:
            out.append(value[at])
        at += 1
    return bytes(out), at + 1


cdef class MimeState:
    """One message. feed() content with CRLF line ends however it is cut (or line() each line), then finish()."""

    cdef object sink
    cdef bint bodies, parse, cut
    cdef bint unended               # the last line that went to raw() has no end yet
    cdef readonly bint declared
    cdef readonly int errors
    cdef Py_ssize_t header_limit, nesting_limit, boundary_limit, line_limit
    cdef int state, kind, part, nest_next
    cdef Py_ssize_t offset
    cdef bint seven, plain_domain
    cdef bytes encoding, rest
    cdef list field, stack
    cdef Py_ssize_t field_size

    def __init__(self, sink, Py_ssize_t header_limit=102400, Py_ssize_t nesting_limit=100, Py_ssize_t boundary_limit=2048,
                 Py_ssize_t line_limit=2048, bint bodies=True, bint parse=True):
        self.sink, self.bodies, self.parse = sink, bodies, parse
        self.header_limit, self.nesting_limit = header_limit, nesting_limit
        self.boundary_limit, self.line_limit = boundary_limit, max(line_limit, 16)
        self.rest, self.stack = b"", []
        self.begin_block(S_MAIN, T_TEXT)

    # -- cutting into lines

    def feed(self, bytes data):
        """The next bytes of the content."""
        cdef const char* p
        cdef const char* found
        cdef Py_ssize_t at = 0, end, n
        if self.rest:
            data = self.rest + data
        p, n = data, len(data)
        while at < n:
            if self.state == S_BODY and not self.bodies and not self.cut:
                end = self.skip(p, at, n)
                if end > at:
                    if self.seven and self.parse and not self.errors & BODY_8BIT and not is_ascii(p + at, end - at):
                        self.report(BODY_8BIT, first_8bit_line(p + at, end - at)[:self.line_limit])
                    self.sink.raw(data[at:end])
                    self.unended = p[end - 1] != b"\n"
                    at = end
                    continue
            found = <const char*>memchr(p + at, b"\n", n - at)
            if found == NULL:
                if n - at <= self.line_limit + 1:
                    break
                end = at + self.line_limit
                self.line(data[at:end], True)
                at = end
                continue
            end = found - p
            while end - at > self.line_limit + 1:
                self.line(data[at:at + self.line_limit], True)
                at += self.line_limit
            self.line(data[at:end - (end > at and p[end - 1] == b"\r")], False)
            at = end + 1
        self.rest = data[at:]

    cdef Py_ssize_t skip(self, const char* p, Py_ssize_t at, Py_ssize_t n):
        """The end of the whole lines at `at` that can be no boundary."""
        cdef const char* found
        cdef Py_ssize_t start = at
        while at < n:
            if self.stack and p[at] == b"-":
                break
            found = <const char*>memchr(p + at, b"\n", n - at)
            if found == NULL:
                if n - at > self.line_limit and not self.stack:
                    self.offset += n - start
                    return n
                break
            at = found - p + 1
        self.offset += at - start
        return at

    def line(self, bytes text, bint more):
        """One line without its end, or a piece of one that goes on (`more`)."""
        cdef bint continued = self.cut
        self.cut, self.unended = more, False
        if self.state != S_BODY:
            if continued and self.field:
                self.extend(text, False)
                return
            if self.header_line(text):
                return
        self.body_line(text, more, continued)

    def finish(self):
        """No more content."""
        if self.rest:
            rest, self.rest = self.rest, b""
            self.line(rest, False)
        elif self.unended:
            self.sink.raw(b"\r\n")
        if self.state != S_BODY:
            self.end_block(b"", False)
        self.stack = []

    # -- headers

    cdef int begin_block(self, int state, int part) except -1:
        self.state, self.kind, self.part = state, state, part
        self.field, self.field_size, self.offset = [], 0, 0
        self.encoding, self.seven, self.plain_domain = b"", True, True
        return 0

    cdef bint header_line(self, bytes text) except -1:
        """A line where a header is expected; 0: it ends the block and is (the first line of) a body."""
        cdef const char* p = text
        cdef Py_ssize_t n = len(text)
        if n and self.field and (p[0] == b" " or p[0] == b"\t"):
            self.extend(text, True)
            return True
        if looks_like_header(p, n):
            if self.field:
                self.end_field()
                self.offset += n + 1
            name, _, value = text.partition(b":")
            if name.endswith((b" ", b"\t")):
                text = name.rstrip(b" \t") + b":" + value
            self.extend(text, False)
            return True
        self.end_block(text, True)
        return False

    cdef int extend(self, bytes text, bint folded) except -1:
        """More text of the logical header at hand; a NUL ends it, as it ends Postfix's strings."""
        cdef Py_ssize_t room = self.header_limit - self.field_size
        if memchr(<const char*> text, 0, len(text)) != NULL:
            text = text.partition(b"\0")[0]
        if self.field_size and room <= 0:
            self.report(HEADER_LENGTH, b"".join(self.field))
            return 0
        if folded:
            text = b"\n" + text
        self.field.append(text)
        self.field_size += len(text)
        return 0

    cdef int end_field(self) except -1:
        """The logical header is complete."""
        cdef bytes text = b"".join(self.field)
        self.field, self.field_size = [], 0
        if self.parse:
            self.read_field(text)
        if not is_ascii(text, len(text)):
            self.report(HEADER_8BIT, text)
        self.sink.header(self.kind, text, self.offset)
        return 0

    cdef int read_field(self, bytes text) except -1:
        """What Content-Type and Content-Transfer-Encoding say of the part."""
        name, _, value = text.partition(b":")
        name = name.rstrip(b" \t").lower()
        if name == b"content-type":
            self.read_type(tokens_of(value), text)
        elif name == b"content-transfer-encoding":
            found = tokens_of(value)
            if found and found[0][0]:
                self.encoding = found[0][1]
                lower = self.encoding.lower()
                self.seven = lower not in (b"8bit", b"binary")
                self.plain_domain = lower in (b"7bit", b"8bit", b"binary")
                self.declared = self.declared or not self.seven
        return 0

    cdef int read_type(self, list found, bytes text) except -1:
        """A part's type, that the header `text` names; the boundary of a multipart goes on the stack."""
        if len(found) < 3 or found[1] != (False, b"/"):
            self.part = T_OTHER
            return 0
        major, minor = found[0][1].lower(), found[2][1].lower()
        if major == b"message":
            self.part = T_RFC822 if minor in (b"rfc822", b"global") else T_MESSAGE
        elif major == b"multipart":
            self.part = T_DIGEST if minor == b"digest" else T_MULTIPART
            for at in range(3, len(found) - 3):
                if found[at] == (False, b";") and found[at + 1][1].lower() == b"boundary" and found[at + 2] == (False, b"=") \
                        and found[at + 3][0]:
                    self.push(found[at + 3][1][:self.boundary_limit], text)
        else:
            self.part = T_TEXT if major == b"text" else T_OTHER
        return 0

    cdef int push(self, bytes boundary, bytes text) except -1:
        """Only open multiparts count, and two more than the limit says are let through: as Postfix does it."""
        if len(self.stack) >= self.nesting_limit + 2:
            self.report(NESTING, text)
        else:
            self.stack.append((boundary, T_RFC822 if self.part == T_DIGEST else T_TEXT))
        return 0

    cdef int end_block(self, bytes text, bint begins) except -1:
        """The header block is over; `begins`: with the line `text`."""
        cdef int was = self.state, part = self.part
        if self.field:
            self.end_field()
            part = self.part
        if was == S_MAIN:
            self.sink.header_end()
        if part in (T_MULTIPART, T_DIGEST, T_RFC822, T_MESSAGE) and not self.plain_domain and self.parse:
            self.report(DOMAIN, self.encoding)
        self.state, self.offset = S_BODY, 0
        if not begins:
            return 0
        if text and was == S_MAIN:
            self.body_out(b"", False)
        elif not text and part == T_RFC822 and self.parse:
            self.nest_next = 1        # the header of a message in the message follows the empty line: begin it when that is out
        return 0

    # -- bodies

    cdef int body_out(self, bytes text, bint more) except -1:
        cdef Py_ssize_t at = self.offset
        self.offset += len(text) + (not more)
        if self.bodies:
            self.sink.body(text, more, at)
        else:
            self.sink.raw(text if more else text + b"\r\n")
        return 0

    cdef int body_line(self, bytes text, bint more, bint continued) except -1:
        """A line of a body: perhaps a boundary."""
        cdef const char* p = text
        cdef Py_ssize_t n = len(text)
        if not continued and self.stack and n > 2 and p[0] == b"-" and p[1] == b"-" and self.boundary(text, more):
            return 0
        if self.seven and self.parse and not is_ascii(p, n):
            self.report(BODY_8BIT, text)
        self.body_out(text, more)
        if self.nest_next:
            self.nest_next = 0
            self.begin_block(S_NEST, T_TEXT)
        return 0

    cdef bint boundary(self, bytes text, bint more) except -1:
        """Whether the line is the boundary of an open part; inner parts end there too."""
        cdef Py_ssize_t at = len(self.stack) - 1
        while at >= 0 and not text.startswith(self.stack[at][0], 2):
            at -= 1
        if at < 0:
            return False
        mark, part = self.stack[at]
        del self.stack[at + 1:]
        if text.startswith(b"--", 2 + len(mark)):
            del self.stack[at:]
            self.begin_block(S_BODY, T_TEXT)
            self.body_out(text, more)
        else:
            self.body_out(text, more)
            self.begin_block(S_MULT, part)
        return True

    cdef int report(self, int kind, bytes text) except -1:
        """Each kind of trouble is told once."""
        if not self.errors & kind:
            self.errors |= kind
            self.sink.trouble(kind, text)
        return 0
