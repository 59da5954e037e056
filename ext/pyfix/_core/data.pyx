"""Message content as it arrives: the end of it, its dots and its line ends (RFC 5321 4.1.1.4, 4.5.2; RFC 3030; CVE-2023-51764).

The law: lines end at LF. Data ends at CRLF "." CRLF and at nothing else; a lone dot
beside a bare LF is dropped; a dot that starts a line is removed; a CR that belongs to
no line end becomes a blank (cleanup_replace_stray_cr_lf). So what reaches the sink has
CRLF line ends only, whatever came in. BDAT content has no dots to remove and no end but its count.

How: blocks of 512 bytes that hold nothing special are recognised by a loop the compiler
turns into vector instructions and are handed on as they lie; the rest goes line by line.
"""

from libc.string cimport memchr


cdef extern from "<string.h>" nogil:
    const void* memrchr(const void* s, int c, size_t n)

cdef extern from *:
    """
    /* gcc 12 makes no vector instructions at -O2; by bytes these two loops were half the work of receiving a message */
    #if defined(__GNUC__) && !defined(__clang__)
    #define VECTORS __attribute__((noinline, optimize("O3")))
    #else
    #define VECTORS
    #endif
    /* Is there a LF without CR, a CR without LF, or a dot behind a LF, looking at pairs? n > 0.
       Plain C, and free of branches, so that the compiler makes vector instructions of it. */
    static VECTORS int special(const unsigned char *p, size_t n) {
        unsigned char bad = 0;
        for (size_t i = 1; i < n; i++)
            bad |= (unsigned char) (((p[i] == 10) ^ (p[i - 1] == 13)) | ((p[i] == 46) & (p[i - 1] == 10)));
        return bad != 0;
    }
    /* Is there a byte of 0x80 or more? */
    static VECTORS int any_high(const unsigned char *p, size_t n) {
        unsigned char bits = 0;
        for (size_t i = 0; i < n; i++)
            bits |= p[i];
        return bits >= 0x80;
    }
    """
    bint special(const unsigned char* p, size_t n) noexcept nogil
    bint any_high(const unsigned char* p, size_t n) noexcept nogil


cdef enum:
    HEAD = 0          # at the very start: the first line may read "From "
    LINE = 1          # at the start of a line
    DOT = 2           # behind the dot that starts a line
    DOT_CR = 3        # behind that dot and one CR (legacy rule: or several)
    TEXT = 4          # inside a line
    CR = 5            # inside a line, behind `returns` CRs
    BLOCK = 512
    WINDOW = 1024
    LONGEST = 998     # RFC 5321 4.5.3.1.6, without CRLF
    FIRST_LINE = 2048


cdef class ContentSink:
    """Where content goes. A subclass defines write()."""

    cdef int write(self, const char* p, size_t n) except -1:
        return 0


cdef class MemorySink(ContentSink):
    """Keeps all of it, for tests."""

    def __cinit__(self):
        self.content = bytearray()

    cdef int write(self, const char* p, size_t n) except -1:
        self.content += p[:n]
        return 0


cdef size_t clean_prefix(const unsigned char* p, size_t n, size_t* column, bint* long_line) noexcept nogil:
    """How many bytes, in whole blocks, can be handed on as they are; `column` follows the line.

    The first byte of all is known to be text. A block is clean when its first byte can stand where
    it does and no pair in it is special; it may not end in CR, whose meaning the next byte decides.
    """
    cdef size_t at = 0, first
    cdef const unsigned char* newline
    while n - at >= BLOCK:
        if p[at] == 10 or (at and column[0] == 0 and p[at] == 46) or p[at + BLOCK - 1] == 13:
            break
        if special(p + at, BLOCK):
            break
        newline = <const unsigned char*> memchr(p + at, 10, BLOCK)
        if newline == NULL:
            column[0] += BLOCK
        else:
            first = newline - (p + at)
            if column[0] + first > LONGEST + 1:
                long_line[0] = True
            newline = <const unsigned char*> memrchr(p + at, 10, BLOCK)
            column[0] = p + at + BLOCK - (newline + 1)
        at += BLOCK
    return at


cdef size_t text_length(const unsigned char* p, size_t n) noexcept nogil:
    """Bytes before the first CR or LF, looking at no more than a window: stray CRs must not cost a search of all."""
    cdef const unsigned char* stop
    if n > WINDOW:
        n = WINDOW
    stop = <const unsigned char*> memchr(p, 10, n)
    if stop != NULL:
        n = stop - p
    stop = <const unsigned char*> memchr(p, 13, n)
    return n if stop == NULL else stop - p


cdef class DataScanner:
    """One message's content. `begin()` first; `feed()` takes bytes and says how many belong to the content."""

    cdef void begin(self, ContentSink sink, int newlines, bint bdat, uint64_t limit) noexcept:
        self.sink, self.newlines, self.bdat, self.limit = sink, newlines, bdat, limit
        self.bare_lf = self.done = self.dot_line = self.eight_bit = self.long_line = self.too_big = False
        self.size = self.returns = self.angles = self.letters = self.column = 0
        self.state = HEAD
        self.standard = True
        self.mbox = False

    cdef void forget(self) noexcept:
        """Lets go of the sink: what follows is only counted."""
        self.sink = None

    cdef size_t feed(self, const char* data, size_t n) except? 0:
        """Takes content up to and including the end of data; `done` says whether that was seen."""
        cdef const unsigned char* p = <const unsigned char*> data
        cdef size_t at = 0
        while at < n and not self.done:
            if self.state == TEXT:
                at += self.run(p + at, n - at)
            elif self.state == LINE:
                at += self.line_start(p + at, n - at)
            elif self.state == CR:
                at += self.after_return(p + at)
            elif self.state == HEAD:
                at += self.head(p + at, n - at)
            else:
                at += self.after_dot(p + at)
        return at

    cdef int finish(self) except -1:
        """The end of a BDAT message: an open last line is closed."""
        if self.state == HEAD:
            self.leave_head()
        self.put_returns()
        if self.column:
            self.end_line(True)
        self.done = True
        return 0

    cdef int emit(self, const char* p, size_t n) except -1:
        """Gives bytes on, within the size limit."""
        self.size += n
        if self.limit and self.size > self.limit:
            self.too_big = True
            self.sink = None
        if self.sink is not None and n:
            self.sink.write(p, n)
        return 0

    cdef int put_returns(self) except -1:
        """CRs that ended no line: a blank each."""
        while self.returns:
            self.emit(b" ", 1)
            self.column += 1
            self.returns -= 1
        return 0

    cdef int end_line(self, bint standard) except -1:
        """One line end, however it was written."""
        if self.column > LONGEST:
            self.long_line = True
        self.emit(b"\r\n", 2)
        self.column = self.returns = 0
        self.standard = standard
        self.bare_lf = self.bare_lf or not standard
        self.start_line()
        return 0

    # -- the first line

    cdef size_t head(self, const unsigned char* p, size_t n) except? 0:
        """A first line "From " (behind any ">") is an mbox separator, no header: it is kept as one.

        Stands at the start of each line as long as all lines so far were such. A blank at the very
        start would continue a header that does not exist: an empty line goes before it.
        """
        cdef unsigned char c = p[0]
        if self.letters == 0 and c == b'>' and self.angles < FIRST_LINE:
            self.angles += 1
            return 1
        if c == (<const unsigned char*> b"From ")[self.letters]:
            self.letters += 1
            if self.letters < 5:
                return 1
            self.emit(b"X-Mailbox-Line: ", 16)
            self.mbox = True
            self.leave_head()
            return 1
        if self.angles == 0 and self.letters == 0 and (c == b' ' or c == b'\t'):
            self.emit(b"\r\n", 2)
        self.leave_head()
        return 0

    cdef int leave_head(self) except -1:
        """Gives on what head() held back."""
        cdef size_t i
        cdef size_t held = self.angles + self.letters
        for i in range(self.angles):
            self.emit(b">", 1)
        self.emit(b"From ", self.letters)
        self.angles = self.letters = 0
        self.column = held
        self.state = TEXT if held else LINE
        return 0

    # -- line by line

    cdef size_t line_start(self, const unsigned char* p, size_t n) except? 0:
        if p[0] == b'.':
            if not self.bdat:
                self.state = DOT
                return 1
            self.dot_line = True
        self.state = TEXT
        return self.run(p, n)

    cdef size_t after_dot(self, const unsigned char* p) except? 0:
        """Behind a dot at the start of a line: the end of data, or a dot to remove."""
        cdef bint legacy = self.newlines == NEWLINES_NO
        if p[0] == b'\n':
            if legacy or (self.state == DOT_CR and self.standard):
                self.done = True
                return 1
            # a lone dot beside a bare LF: neither the end nor text
            self.standard = self.state == DOT_CR
            self.bare_lf = self.bare_lf or not self.standard
            self.returns = 0
            self.state = LINE
            return 1
        if p[0] == b'\r' and (self.state == DOT or legacy):
            self.state = DOT_CR
            self.returns += 1
            return 1
        if self.returns:
            self.state = CR
            return 0
        self.dot_line = self.dot_line or p[0] == b'.'
        self.state = TEXT
        return 0

    cdef size_t after_return(self, const unsigned char* p) except? 0:
        """Behind CRs inside a line."""
        if p[0] == b'\n':
            if self.newlines != NEWLINES_NO:
                self.returns -= 1          # only the last belongs to the line end
                self.put_returns()
            self.end_line(True)
            return 1
        if p[0] == b'\r':
            self.returns += 1
            return 1
        self.put_returns()
        self.state = TEXT
        return 0

    cdef size_t run(self, const unsigned char* p, size_t n) except? 0:
        """Text from here on: as much as can be handed on as it lies, line after line, in one piece."""
        cdef size_t at = 0, length
        cdef bint long_line = False, plain = True
        self.state = TEXT
        while plain:
            if not self.mbox:
                at += clean_prefix(p + at, n - at, &self.column, &long_line)
            if at and at < n and self.column == 0 and p[at] == b'.':
                break                       # the last block ended with a line: this dot begins one
            length = text_length(p + at, n - at)
            at += length
            self.column += length
            if at == n or (at and self.column == 0):
                break
            if at + 1 < n and p[at] == b'\r' and p[at + 1] == b'\n':
                at += 2
                long_line = long_line or self.column > LONGEST
                self.column = 0
                plain = not (self.mbox or at == n or p[at] == b'.')
            else:
                plain = p[at] != b'\r' and p[at] != b'\n'
        self.long_line = self.long_line or long_line
        self.eight_bit = self.eight_bit or any_high(p, at)
        self.emit(<const char*> p, at)
        return at + self.after_run(p, at, n)

    cdef size_t after_run(self, const unsigned char* p, size_t at, size_t n) except? 0:
        """What stopped a run: the start of a line, a CR that is not before a LF as far as is known, a bare LF."""
        if at and self.column == 0:
            self.standard = True
            self.start_line()
        elif at < n and p[at] == b'\r':
            self.state = CR
            self.returns = 1
            return 1
        elif at < n and p[at] == b'\n':
            self.end_line(False)
            return 1
        return 0

    cdef void start_line(self) noexcept:
        self.state = HEAD if self.mbox else LINE
        self.mbox = False


def scan(data: bytes, newlines: int = NEWLINES_NORMALIZE, bdat: bool = False, limit: int = 0, cuts=()) -> tuple:
    """Feeds `data`, cut at the given offsets (ascending, else ValueError): (content, bytes used, scanner). For tests."""
    cdef DataScanner scanner = DataScanner()
    cdef MemorySink sink = MemorySink()
    cdef const char* p = data
    cdef size_t used = 0, start = 0, stop
    scanner.begin(sink, newlines, bdat, limit)
    for stop in (*cuts, len(data)):
        if stop < start or stop > <size_t>len(data):
            raise ValueError("cuts must ascend, up to the end")
        used += scanner.feed(p + start, stop - start)
        start = stop
        if scanner.done:
            break
    if bdat:
        scanner.finish()
    return bytes(sink.content), used, scanner


def scan_only(data: bytes, repeat: int = 1) -> int:
    """Scans `data` with a sink that keeps nothing, `repeat` times: the bytes used. For measurements."""
    cdef DataScanner scanner = DataScanner()
    cdef ContentSink sink = ContentSink()
    cdef const char* p = data
    cdef size_t n = len(data), used = 0
    cdef int i, count = repeat
    for i in range(count):
        scanner.begin(sink, NEWLINES_NORMALIZE, False, 0)
        used = scanner.feed(p, n)
    return used
