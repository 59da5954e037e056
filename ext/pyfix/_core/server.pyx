"""The server's side of SMTP and LMTP: bytes in, events and replies out (RFC 5321, 3030, 3461, 6531; smtpd(8)).

The law: what needs no decision is answered here, byte for byte as Postfix does; what
does is an event, and nothing more is read until it is answered. Any cut of the input
gives the same events. After a DATA, BDAT or end of data that failed nothing of the
transaction is left.

step() takes bytes where they lie and says how many it used. Replies gather in `out`.
"""

from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcpy

from pyfix._core.chars cimport is_utf8, looks_like_header, escaped
from pyfix._core.command cimport *
from pyfix._core.data cimport NEWLINES_NO, NEWLINES_REJECT, MemorySink
from pyfix._core.envelope cimport simple_path
from pyfix._core.reply cimport put_reply
from pyfix._core.span cimport span_bytes, span_is, span_number

from pyfix._core.command import NAMES

cdef enum:
    SKIP_LIMIT = 262144      # an endless command line is cut after that
# verbs that count as junk (smtpd_junk_command_limit), and verbs that must end a group of commands (RFC 2920)
cdef int JUNK = (1 << VERB_HELO) | (1 << VERB_EHLO) | (1 << VERB_LHLO) | (1 << VERB_RSET) | (1 << VERB_NOOP) \
    | (1 << VERB_VRFY) | (1 << VERB_ETRN)
cdef int LAST = (1 << VERB_HELO) | (1 << VERB_EHLO) | (1 << VERB_LHLO) | (1 << VERB_DATA) | (1 << VERB_NOOP) \
    | (1 << VERB_VRFY)

cdef class ServerCore(Arguments):
    """One session. step() until EV_MORE or EV_CLOSE; each event but EV_RESET, EV_SLOW and EV_CLOSE wants an answer."""

    def __init__(self, Limits limits not None):
        self.limits, self.newlines = limits, limits.newlines
        self.out = Buffer()
        self.notes, self.where_verb = [], -1

    def __dealloc__(self):
        free(self.long_line)

    # -- answers

    cdef int say(self, bytes line) except -1:
        """One reply line, as it stands, into `out`; 421 and 521 end the session."""
        self.out.append(line, len(line))
        self.out.append(b"\r\n", 2)
        if self.limits.soft_errors and self.errors >= self.limits.soft_errors:
            self.slow = True
        if len(line) > 3 and line[1] == b'2' and line[2] == b'1' and (line[0] == b'4' or line[0] == b'5'):
            self.closing = True
        return 0

    cdef int refuse(self, bytes line) except -1:
        """A command that failed."""
        self.say(line)
        return self.done(False)

    cdef int well(self, bytes line) except -1:
        """A command that did well."""
        self.say(line)
        return self.done(True)

    cdef int done(self, bint success) except -1:
        """Counts the command at hand."""
        if success:
            self.good[self.verb] += 1
        else:
            self.errors += 1
        if JUNK >> self.verb & 1 and not self.limits.standalone:
            self.junk += 1
            if self.junk > self.limits.junk + 1:
                self.errors += 1
        return EV_MORE

    cdef int hang_up(self, bytes line) except -1:
        """A last reply, then the end."""
        self.say(line)
        self.closing = True
        return EV_MORE

    cdef int wait(self, int event) except -1:
        self.waiting = event
        return event

    cdef int note(self, str kind, bytes data) except -1:
        """Something for the log."""
        self.notes.append((kind, data))
        return 0

    cdef void reset(self) noexcept:
        """The end of a transaction, however it came."""
        self.reset_due = self.in_mail or self.bdat
        self.in_mail = self.bdat = False
        self.rcpt_count = self.overshot = 0
        self.bdat_state = BDAT_NONE
        self.skipped = 0

    cdef int answer(self, int code, bytes text) except -1:
        """Answers the event at hand; `text` is what follows the code. Failed means 400 and more."""
        cdef int event = self.waiting
        cdef int i
        self.waiting = EV_MORE
        if (event == EV_DATA or event == EV_END) and self.closing:
            return 0
        if event == EV_DATA and self.mode == IN_CHUNK:
            return self.skip_chunk(b"%d %b" % (code, text))
        for i in range(self.rcpt_count if event == EV_END and self.limits.lmtp else 1):
            put_reply(self.out, code, text, len(text))
        if self.limits.soft_errors and self.errors >= self.limits.soft_errors:
            self.slow = True
        if code == 421 or code == 521:
            self.closing = True
        self.settle(event, code < 400)
        return 0

    cdef int answer_lines(self, int code, bytes lines) except -1:
        """The same with complete reply lines, CRLF and all."""
        cdef int event = self.waiting
        self.waiting = EV_MORE
        self.out.append(lines, len(lines))
        if code == 421 or code == 521:
            self.closing = True
        self.settle(event, code < 400)
        return 0

    cdef int settle(self, int event, bint success) except -1:
        """What an answer changes."""
        if event == EV_HELO and success:
            self.reset()
            self.greeted, self.esmtp = True, self.esmtp or self.verb != VERB_HELO
        elif event == EV_MAIL:
            self.in_mail = success
        elif event == EV_RCPT and success:
            self.rcpt_count += 1
        elif event == EV_DATA or event == EV_END:
            self.reset()
            self.reset_due = event == EV_DATA
            if event == EV_END and success:
                self.errors = self.junk = 0
        return self.done(success)

    cdef int accept_content(self, ContentSink sink) except -1:
        """Yes to EV_DATA: content goes to `sink` from here on."""
        self.waiting = EV_MORE
        if self.scanner is None:
            self.scanner = DataScanner()
        self.scanner.begin(sink, self.newlines, self.mode == IN_CHUNK, self.limits.message_size)
        self.after_content = True
        if self.mode == IN_CHUNK:
            self.bdat, self.bdat_state = True, BDAT_OK
        else:
            self.mode = IN_DATA
            self.say(b"354 End data with <CR><LF>.<CR><LF>")
        return 0

    # -- input

    cdef int step(self, const char* p, size_t n, size_t* used) except -1:
        """Takes bytes from [p, p+n): `used` of them, up to the next event."""
        cdef size_t at = 0, taken
        cdef int event = EV_MORE
        while True:
            if self.reset_due:
                self.reset_due = False
                event = EV_RESET
            elif self.slow:
                self.slow = False
                event = EV_SLOW
            elif self.closing:
                event = EV_CLOSE
            elif self.errors >= self.limits.hard_errors and self.mode != IN_DATA and self.waiting == EV_MORE:
                self.reason = "too many errors"
                self.hang_up(b"421 4.7.0 %b Error: too many errors" % self.limits.hostname)
                continue
            elif self.waiting != EV_MORE or (at == n and not (self.mode == IN_CHUNK and self.chunk_left == 0)):
                break
            else:
                taken = 0
                if self.mode == IN_COMMAND:
                    event = self.next_line(p + at, n - at, &taken)
                    if taken == 0 and event == EV_MORE:
                        break
                elif self.mode == IN_DATA:
                    event = self.content(p + at, n - at, &taken)
                elif self.mode == IN_LONG_LINE:
                    event = self.skip_long(p + at, n - at, &taken)
                else:
                    event = self.chunk_content(p + at, n - at, &taken)
                at += taken
                if event == EV_MORE:
                    continue
            break
        used[0] = at
        return event

    cdef int next_line(self, const char* p, size_t n, size_t* used) except -1:
        """One command line."""
        cdef size_t window = n if n < self.limits.line_length else self.limits.line_length
        cdef const char* newline = <const char*> memchr(p, b'\n', window)
        cdef size_t length
        cdef bint bare
        if newline == NULL:
            if window == self.limits.line_length:
                self.long_line = <char*> malloc(window)
                if self.long_line == NULL:
                    raise MemoryError
                memcpy(self.long_line, p, window)
                self.long_length, self.long_skipped, self.mode = window, 0, IN_LONG_LINE
                used[0] = window
            return EV_MORE
        length = newline - p
        used[0] = length + 1
        bare = length == 0 or p[length - 1] != b'\r'
        if not bare:
            length -= 1
            while self.newlines == NEWLINES_NO and length and p[length - 1] == b'\r':
                length -= 1
        return self.on_line(p, length, bare, newline + 1, n - used[0])

    cdef int skip_long(self, const char* p, size_t n, size_t* used) except -1:
        """The rest of a line that is too long; what was kept of it is the command."""
        cdef const char* newline = <const char*> memchr(p, b'\n', n)
        cdef char* line = self.long_line
        used[0] = n if newline == NULL else newline - p + 1
        self.long_skipped += used[0]
        if newline == NULL:
            if self.long_skipped > SKIP_LIMIT:
                self.hang_up(b"500 5.5.2 Error: line too long")
            return EV_MORE
        self.mode, self.long_line = IN_COMMAND, NULL
        self.note("long line", line[:self.long_length])
        try:
            return self.on_line(line, self.long_length, False, newline + 1, n - used[0])
        finally:
            free(line)

    cdef int on_line(self, const char* p, size_t n, bint bare, const char* rest, size_t rest_n) except -1:
        """A command line without its end; [rest, rest+rest_n) came with it."""
        if bare and self.newlines != NEWLINES_NO:
            self.bare_lf = True
            if self.newlines == NEWLINES_REJECT:
                self.note("bare lf", b"")
                return self.hang_up(b"%d 5.5.2 %b Error: bare <LF> received"
                                    % (self.limits.bare_code, self.limits.hostname))
        if self.limits.smtputf8 and not is_utf8(p, n):
            self.say(b"500 5.5.2 Error: bad UTF-8 syntax")
            self.errors += 1
            return EV_MORE
        if memchr(p, 0, n) == NULL:
            tokenize(p, n, &self.command)
            if self.command.count and not self.command.overflow:
                return self.on_command(p, n, rest, rest_n)
        self.say(b"500 5.5.2 Error: bad syntax")
        self.errors += 1
        return EV_MORE

    cdef int on_command(self, const char* p, size_t n, const char* rest, size_t rest_n) except -1:
        cdef int verb = find_verb(self.command.token[0])
        if verb == VERB_LHLO and not self.limits.lmtp or (verb == VERB_HELO or verb == VERB_EHLO) and self.limits.lmtp:
            verb = VERB_UNKNOWN
        if self.limits.has_ignored and span_bytes(self.command.token[0]).upper() in self.limits.ignored:
            self.say(b"250 2.0.0 Ok")
            self.junk += 1
            if self.junk > self.limits.junk + 1:
                self.errors += 1
            return EV_MORE
        self.verb = verb
        self.total[verb] += 1
        if verb == VERB_UNKNOWN:
            return self.unknown(p, n)
        if self.denied is not None and verb != VERB_QUIT:
            self.say(b"503 5.7.0 Error: access denied for %b" % self.denied)
            self.errors += 1
            return EV_MORE
        self.where_verb = verb
        self.after_content = self.after_end = False
        if rest_n and self.early_input(verb, rest, rest_n):
            return EV_MORE
        return self.dispatch(verb)

    cdef bint early_input(self, int verb, const char* rest, size_t rest_n) except -1:
        """Input that came before the client could know that it might send it: True ends the session."""
        if self.pipelining_noted or self.limits.standalone or self.trusted_pipelining:
            return False
        if self.esmtp and not LAST >> verb & 1:
            return False
        self.pipelining_noted = True
        self.note("pipelining", NAMES[verb].upper() + b" " + escaped(rest[:rest_n if rest_n < 100 else 100]))
        if not self.limits.forbid_pipelining:
            return False
        self.hang_up(b"554 5.5.0 Error: SMTP protocol synchronization")
        return True

    cdef int unknown(self, const char* p, size_t n) except -1:
        cdef Span name = self.command.token[0]
        self.where_verb = VERB_UNKNOWN
        self.after_content = self.after_end = False
        if looks_like_header(name.p, name.n) or span_bytes(name).upper() in self.limits.forbidden:
            self.note("non-smtp", p[:n if n < 100 else 100])
            return self.hang_up(b"221 2.7.0 Error: I can break rules, too. Goodbye.")
        if self.denied is not None:
            return self.refuse(b"503 5.7.0 Error: access denied for %b" % self.denied)
        return self.refuse(b"500 5.5.2 Error: command not recognized")

    cdef int dispatch(self, int verb) except -1:
        if verb == VERB_MAIL:
            return self.mail()
        if verb == VERB_RCPT:
            return self.rcpt()
        if verb == VERB_DATA:
            return self.data()
        if verb == VERB_BDAT:
            return self.begin_bdat()
        if verb == VERB_HELO or verb == VERB_EHLO or verb == VERB_LHLO:
            return self.helo()
        if verb == VERB_NOOP:
            return self.well(b"250 2.0.0 Ok")
        if verb == VERB_RSET:
            if self.command.count > 1:
                return self.refuse(b"501 5.5.4 Syntax: RSET")
            self.reset()
            return self.well(b"250 2.0.0 Ok")
        if verb == VERB_QUIT:
            self.well(b"221 2.0.0 Bye")
            self.closing = True
            return EV_MORE
        if verb == VERB_VRFY:
            return self.vrfy()
        if verb == VERB_ETRN:
            return self.etrn()
        return self.extension(verb)

    # -- commands

    cdef bytes joined(self, int first, int stop):
        """Arguments with one blank between them."""
        if stop == first + 1:
            return span_bytes(self.command.token[first])
        return b" ".join([span_bytes(self.command.token[i]) for i in range(first, stop)])

    cdef int helo(self) except -1:
        if self.command.count < 2:
            return self.refuse(b"501 Syntax: %b hostname" % NAMES[self.verb].upper())
        self.text = self.joined(1, self.command.count)
        return self.wait(EV_HELO)

    cdef bytes path(self, int index, bint sender):
        """The address of a path, None if it is none."""
        cdef Span raw = self.command.token[index]
        cdef Span address
        self.raw = span_bytes(raw)
        if simple_path(raw, &address) and (address.p[0] != b'-' if address.n else sender):
            return span_bytes(address)
        if self.limits.path is not None and not self.command.broken[index]:
            found = self.limits.path(self.raw, sender, self.utf8)
            if found is not None and (found or sender):
                return found
        if not self.command.broken[index]:
            self.note("address", self.raw)
        return None

    cdef int mail(self) except -1:
        cdef int i
        cdef bytes bad
        if self.limits.helo_required and not self.greeted:
            return self.refuse(b"503 5.5.1 Error: send HELO/EHLO first")
        if self.in_mail:
            return self.refuse(b"503 5.5.1 Error: nested MAIL command")
        if self.bdat_state != BDAT_NONE:
            return self.refuse(b"503 5.5.1 Error: MAIL after BDAT")
        if self.command.count < 3 or not span_is(self.command.token[1], b"FROM:", 5):
            return self.refuse(b"501 5.5.4 Syntax: MAIL FROM:<address>")
        self.begin_mail()
        for i in range(3, self.command.count):
            if not self.masked & M_SMTPUTF8 and self.limits.smtputf8 and span_is(self.command.token[i], b"SMTPUTF8", 8):
                self.utf8 = True
        self.address = self.path(2, True)
        if self.address is None:
            return self.refuse(b"501 5.1.7 Bad sender address syntax")
        for i in range(3, self.command.count):
            bad = self.mail_parameter(self.command.token[i], self.masked & M_DSN, self.limits.features & F_AUTH)
            if bad is not None:
                return self.refuse(bad)
        return self.wait(EV_MAIL)

    cdef int rcpt(self) except -1:
        cdef int i
        cdef bytes bad
        if not self.in_mail:
            return self.refuse(b"503 5.5.1 Error: need MAIL command")
        if self.bdat_state != BDAT_NONE:
            return self.refuse(b"503 5.5.1 Error: RCPT after BDAT")
        if self.command.count < 3 or not span_is(self.command.token[1], b"TO:", 3):
            return self.refuse(b"501 5.5.4 Syntax: RCPT TO:<address>")
        self.address = self.path(2, False)
        if self.address is None:
            return self.refuse(b"501 5.1.3 Bad recipient address syntax")
        self.begin_rcpt()
        for i in range(3, self.command.count):
            bad = self.rcpt_parameter(self.command.token[i], self.masked & M_DSN)
            if bad is not None:
                return self.refuse(bad)
        if self.limits.recipients and self.rcpt_count >= self.limits.recipients:
            self.say(b"452 4.5.3 Error: too many recipients")
            self.overshot += 1
            return self.done(self.overshot <= self.limits.overshoot)
        return self.wait(EV_RCPT)

    cdef int data(self) except -1:
        if self.bdat_state != BDAT_NONE:
            return self.refuse(b"503 5.5.1 Error: DATA after BDAT")
        if self.rcpt_count == 0:
            return self.refuse(b"554 5.5.1 Error: no valid recipients" if self.in_mail
                               else b"503 5.5.1 Error: need RCPT command")
        if self.command.count > 1:
            return self.refuse(b"501 5.5.4 Syntax: DATA")
        return self.wait(EV_DATA)

    cdef int vrfy(self) except -1:
        cdef int stop = self.command.count
        if self.limits.no_vrfy:
            return self.refuse(b"502 5.5.1 VRFY command is disabled")
        self.utf8 = False
        if self.limits.smtputf8 and stop > 2 and span_is(self.command.token[stop - 1], b"SMTPUTF8", 8):
            self.utf8 = True
            stop -= 1
        if stop < 2:
            return self.refuse(b"501 5.5.4 Syntax: VRFY address%b" % (b" [SMTPUTF8]" if self.limits.smtputf8 else b""))
        self.text = self.raw = self.joined(1, stop)
        self.address = self.limits.path(self.text, None, self.utf8) if self.limits.path is not None else self.text
        if not self.address:
            self.note("address", self.text)
            return self.refuse(b"501 5.1.3 Bad recipient address syntax")
        return self.wait(EV_VRFY)

    cdef int etrn(self) except -1:
        if self.limits.helo_required and not self.greeted:
            return self.refuse(b"503 Error: send HELO/EHLO first")
        if self.in_mail:
            return self.refuse(b"503 Error: MAIL transaction in progress")
        if self.command.count != 2:
            return self.refuse(b"500 Syntax: ETRN domain")
        self.text = span_bytes(self.command.token[1])
        return self.wait(EV_ETRN)

    cdef int extension(self, int verb) except -1:
        """Verbs that exist only where the configuration asks for them."""
        cdef int features = self.limits.features
        if verb == VERB_AUTH:
            if self.limits.helo_required and not self.greeted:
                return self.refuse(b"503 5.5.1 Error: send HELO/EHLO first")
            if not features & F_AUTH:
                return self.refuse(b"503 5.5.1 Error: authentication not enabled")
            if self.in_mail:
                return self.refuse(b"503 5.5.1 Error: MAIL transaction in progress")
            if self.command.count < 2 or self.command.count > 3:
                return self.refuse(b"501 5.5.4 Syntax: AUTH mechanism")
        elif verb == VERB_STARTTLS:
            if self.command.count > 1:
                return self.refuse(b"501 5.5.4 Syntax: STARTTLS")
            if not features & F_STARTTLS:
                return self.refuse(b"502 5.5.1 Error: command not implemented")
        else:
            if self.in_mail:
                return self.refuse(b"503 5.5.1 Error: MAIL transaction in progress")
            if self.command.count < 2:
                return self.refuse(b"501 5.5.4 Syntax: %b attribute=value..." % NAMES[verb].upper())
            if not features & (F_XCLIENT if verb == VERB_XCLIENT else F_XFORWARD):
                return self.refuse(b"550 5.7.0 Error: insufficient authorization")
        self.text = self.joined(1, self.command.count)
        return self.wait(EV_AUTH if verb == VERB_AUTH else EV_STARTTLS if verb == VERB_STARTTLS
                         else EV_XCLIENT if verb == VERB_XCLIENT else EV_XFORWARD)

    # -- BDAT

    cdef int begin_bdat(self) except -1:
        cdef uint64_t limit = self.limits.message_size
        cdef uint64_t held = self.scanner.size if self.bdat else 0
        if self.masked & M_CHUNKING:
            return self.refuse(b"521 5.5.1 Error: command not implemented")
        self.last_chunk = self.command.count == 3 and span_is(self.command.token[2], b"LAST", 4)
        if (self.command.count != 2 and not self.last_chunk) \
                or span_number(self.command.token[1], &self.chunk) != 0:
            self.note("bdat syntax", self.joined(0, self.command.count))
            return self.refuse(b"521 5.5.4 Syntax: BDAT count [LAST]")
        self.chunk_left = self.chunk
        self.mode = IN_CHUNK
        if self.chunk == 0 and not self.last_chunk:
            self.note("bdat null", b"")
            return self.skip_chunk(b"551 5.7.1 Null BDAT request")
        if self.bdat_state == BDAT_FAILED:
            return self.skip_chunk(b"551 5.0.0 Discarded %d bytes after earlier error" % self.chunk)
        if self.rcpt_count == 0:
            return self.skip_chunk(b"554 5.5.1 Error: no valid recipients" if self.in_mail
                                   else b"503 5.5.1 Error: need RCPT command")
        if limit and (self.chunk > limit or held > limit - self.chunk):
            self.note("bdat size", b"")
            return self.skip_chunk(b"552 5.3.4 Chunk exceeds message size limit")
        self.after_content = True
        return EV_MORE if self.bdat else self.wait(EV_DATA)

    cdef int skip_chunk(self, bytes line) except -1:
        """Swallows the chunk at hand, then says `line`; the transaction has failed."""
        self.mode, self.chunk_reply, self.bdat_state = IN_SKIPPED_CHUNK, line, BDAT_FAILED
        if self.bdat:
            self.scanner.forget()
        self.skipped += self.chunk
        if self.limits.message_size and self.skipped > self.limits.message_size + self.limits.message_size // 2:
            # nobody reads that much just to be polite
            self.say(line)
            self.done(False)
            self.closing = True
        elif self.chunk_left == 0:
            return self.chunk_end()
        return EV_MORE

    cdef int chunk_content(self, const char* p, size_t n, size_t* used) except -1:
        cdef size_t take = n if n < self.chunk_left else <size_t> self.chunk_left
        used[0] = take
        self.chunk_left -= take
        if self.mode == IN_CHUNK and take:
            self.scanner.feed(p, take)
        return EV_MORE if self.chunk_left else self.chunk_end()

    cdef int chunk_end(self) except -1:
        cdef bint skipped = self.mode == IN_SKIPPED_CHUNK
        self.mode = IN_COMMAND
        if skipped:
            if self.last_chunk:
                self.reset()
            return self.refuse(self.chunk_reply)
        if self.last_chunk:
            self.scanner.finish()
            return self.content_end()
        return self.well(b"250 2.0.0 Ok: %d bytes" % self.chunk)

    # -- content

    cdef int content(self, const char* p, size_t n, size_t* used) except -1:
        used[0] = self.scanner.feed(p, n)
        if not self.scanner.done:
            return EV_MORE
        self.mode = IN_COMMAND
        return self.content_end()

    cdef int content_end(self) except -1:
        """All content is here: refused by its form, or for the session to decide."""
        cdef DataScanner scanner = self.scanner
        cdef bytes line = None
        self.after_content, self.after_end = False, True
        self.bare_lf = self.bare_lf or (scanner.bare_lf and self.newlines != NEWLINES_NO)
        if scanner.bare_lf and self.newlines == NEWLINES_REJECT:
            self.note("bare lf", b"")
            line = b"%d 5.5.2 %b Error: bare <LF> received" % (self.limits.bare_code, self.limits.hostname)
        elif scanner.too_big:
            self.note("size", b"")
            line = b"552 5.3.4 Error: message file too big"
        if line is None:
            return self.wait(EV_END)
        for _ in range(self.rcpt_count if self.limits.lmtp else 1):
            self.say(line)
        self.reset()
        return self.done(False)

    # -- for the log

    def where(self) -> str:
        """What the session was at, as "lost connection after ..." says it."""
        if self.after_end:
            return "END-OF-MESSAGE"
        if self.after_content:
            return "%s (%d bytes)" % (NAMES[self.where_verb].upper().decode(), self.scanner.size if self.scanner else 0)
        return "CONNECT" if self.where_verb < 0 else NAMES[self.where_verb].upper().decode()

    def counts(self) -> str:
        """" ehlo=1 mail=1/2 ... commands=2/3", for the disconnect line."""
        return tally(self.good, self.total).decode()

    # -- the same for Python, which the tests use

    def feed(self, data: bytes) -> tuple:
        """(event name, bytes used) of the next event in `data`."""
        cdef size_t used = 0
        return EVENTS[self.step(data, len(data), &used)], used

    def reply(self, code: int, text: bytes) -> None:
        """Answers the event at hand."""
        self.answer(code, text)

    def reply_lines(self, code: int, lines: bytes) -> None:
        """Answers with complete lines."""
        self.answer_lines(code, lines)

    def accept(self, ContentSink sink=None) -> None:
        """Says yes to "data"; content goes to `sink`."""
        self.accept_content(MemorySink() if sink is None else sink)


EVENTS = tuple("more helo mail rcpt data end vrfy etrn auth starttls xclient xforward reset slow close".split())
