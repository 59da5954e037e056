# cython: boundscheck=True
"""The SMTP and LMTP client state machine: reply bytes in, command bytes and events out.

Law: RFC 5321 (commands, replies), RFC 2920 (pipelining), RFC 2033 (LMTP), RFC 1870,
3461, 6152, 6531 (SIZE, DSN, 8BITMIME, SMTPUTF8), RFC 2034/3463 (enhanced codes);
wording of the stages and the choices left open by the RFCs are those of Postfix smtp(8).

No I/O, no clock, no configuration. The peer is hostile: a reply line is cut at
2,048 bytes, a reply kept to about as much, a reply of more than 100 lines or 256 KiB
ends the session, and whatever is kept is printable ASCII on one line.
"""

from libc.stdlib cimport free, realloc
from libc.string cimport memchr, memcpy

from pyfix._core.client_text cimport buffer_reserve, dsn_length, is_digit, printable, same_word
from pyfix._core.request cimport Request, Settings
from pyfix._core.xtext cimport XTEXT_GROWTH, orcpt_text, put_xtext

from pyfix._core.xtext import xtext

cdef enum:
    LINE_LIMIT = 2048
    REPLY_LINES = 100
    REPLY_BYTES = 262144

STAGES = ("greeting", "ehlo", "helo", "lhlo", "rset", "xforward", "mail", "rcpt", "data", "content", "dot", "quit",
          "idle", "closed")
STATES = ("waiting", "accepted", "sent", "failed")
FAILURES = ("", "refused", "protocol", "stale")
PIX = F_PIX
READY, CONTENT, DONE, FAILED, CLOSE = E_READY, E_CONTENT, E_DONE, E_FAILED, E_CLOSE
PIPELINING, SIZE, EIGHTBITMIME, DSN, SMTPUTF8, STARTTLS, AUTH = (
    F_PIPELINING, F_SIZE, F_8BITMIME, F_DSN, F_SMTPUTF8, F_STARTTLS, F_AUTH)
XFORWARD = {b"NAME": F_XFORWARD_NAME, b"ADDR": F_XFORWARD_ADDR, b"PORT": F_XFORWARD_PORT, b"PROTO": F_XFORWARD_PROTO,
            b"HELO": F_XFORWARD_HELO, b"SOURCE": F_XFORWARD_SOURCE, b"IDENT": F_XFORWARD_IDENT}
KEYWORDS = {b"PIPELINING": F_PIPELINING, b"SIZE": F_SIZE, b"8BITMIME": F_8BITMIME, b"DSN": F_DSN,
            b"SMTPUTF8": F_SMTPUTF8, b"STARTTLS": F_STARTTLS, b"AUTH": F_AUTH,
            b"XFORWARD": F_XFORWARD_NAME | F_XFORWARD_ADDR | F_XFORWARD_PORT | F_XFORWARD_PROTO | F_XFORWARD_HELO
            | F_XFORWARD_SOURCE | F_XFORWARD_IDENT}
NOTIFY_WORDS = ((1, b"NEVER"), (2, b"SUCCESS"), (4, b"FAILURE"), (8, b"DELAY"))


cdef class ClientCore:
    """One session. receive() takes the peer's bytes; `events` says what happened since it was last cleared."""

    def __cinit__(self, Settings settings not None):
        self.settings = settings
        self.notes = []
        self.stage = S_GREETING
        self.failed_reply = -1

    def __dealloc__(self):
        free(self.out.data)
        free(self.line.data)
        free(self.reply.data)
        free(self.texts.data)
        free(self.results)
        free(self.answers)

    # -- bytes in ------------------------------------------------------------------------------

    cdef Py_ssize_t feed(self, const char* data, Py_ssize_t length) except -1:
        """Take reply bytes; returns how many.

        Fewer than `length` when a message may begin or has ended (the caller acts on the events first, so that
        it makes no difference how the bytes were cut into reads), while content is due, and after a failure.
        """
        cdef Py_ssize_t position = 0, size
        cdef const char* end
        while position < length and self.stage != S_CONTENT and self.failure == NO_FAILURE:
            end = <const char*>memchr(data + position, 10, length - position)
            size = (end - data if end != NULL else length) - position
            self.reply_bytes += size + (end != NULL)
            if self.reply_bytes > REPLY_BYTES:
                self.give_up(PROTOCOL, -1)
                break
            if end == NULL:
                self.stash(data + position, size)
            elif self.line.length == 0:
                self.take_line(data + position, min(size, LINE_LIMIT))
            else:
                self.stash(data + position, size)
                self.end_stashed()
            position += size + (end != NULL)
            if self.stage == S_IDLE:
                break
        return position

    cdef int stash(self, const char* data, Py_ssize_t length) except -1:
        """Keep a part of a line until the rest comes; what is over the line limit is dropped."""
        length = min(length, LINE_LIMIT - self.line.length)
        buffer_reserve(&self.line, length)
        memcpy(self.line.data + self.line.length, data, length)
        self.line.length += length
        return 0

    cdef int end_stashed(self) except -1:
        """The stashed line is complete."""
        cdef Py_ssize_t length = self.line.length
        self.line.length = 0
        self.take_line(self.line.data, length)
        return 0

    cdef int take_line(self, const char* line, Py_ssize_t length) except -1:
        """One reply line without its LF: add it to the reply, and act when it is the last."""
        cdef int digits = 0
        cdef bytes filtered
        while length > 0 and line[length - 1] == 13:
            length -= 1
        if self.settings.reply_filter is not None:
            filtered = self.settings.reply_filter(line[:length])
            line, length = filtered, min(<Py_ssize_t>len(filtered), LINE_LIMIT)
        self.add_line(line, length)
        self.reply_lines += 1
        while digits < length and is_digit(line[digits]):
            digits += 1
        if digits == 3 and (length == 3 or line[3] == 32):
            self.read_dsn(line, length)
            self.take_reply((line[0] - 48) * 100 + (line[1] - 48) * 10 + line[2] - 48)
            self.reply.length = self.reply_lines = 0
            self.reply_bytes = 0
        elif self.reply_lines >= REPLY_LINES or (self.features & F_PIPELINING and not (digits == 3 and line[3] == 45)):
            self.give_up(PROTOCOL, -1)
        return 0

    cdef int add_line(self, const char* line, Py_ssize_t length) except -1:
        """Append a line to the reply, as printable text; a reply that is long enough grows no more."""
        cdef Py_ssize_t i
        cdef char* out
        if self.reply.length >= LINE_LIMIT:
            return 0
        buffer_reserve(&self.reply, length + 1)
        out = self.reply.data + self.reply.length
        if self.reply.length:
            out[0] = 10
            out += 1
            self.reply.length += 1
        for i in range(length):
            out[i] = printable(line[i])
        self.reply.length += length
        return 0

    cdef int read_dsn(self, const char* line, Py_ssize_t length) except -1:
        """Take the enhanced code of a last line; one of another class than the reply code is not believed."""
        cdef Py_ssize_t at = 4
        self.dsn_size = 0
        while at < length and line[at] == 32:
            at += 1
        if at < length and line[at] == line[0]:
            self.dsn_size = dsn_length(line + at, length - at)
            memcpy(self.dsn_text, line + at, self.dsn_size)
        return 0

    # -- replies -------------------------------------------------------------------------------

    cdef int take_reply(self, int code) except -1:
        """Act on one whole reply according to what it answers."""
        if code == 421:
            self.no_reuse = True
        if self.stage == S_RCPT:
            return self.take_rcpt(code)
        if self.stage == S_MAIL:
            return self.take_mail(code)
        if self.stage == S_DATA:
            return self.take_data(code)
        if self.stage == S_DOT:
            return self.take_dot(code)
        if self.stage == S_GREETING:
            return self.take_greeting(code)
        if self.stage == S_RSET:
            return self.take_rset(code)
        if self.stage == S_XFORWARD:
            return self.take_xforward(code)
        if self.stage == S_QUIT:
            self.stage = S_CLOSED
            self.events |= E_CLOSE
            return 0
        if self.stage == S_IDLE or self.stage == S_CLOSED:
            return self.give_up(STALE, self.keep_reply(code))
        return self.take_hello(code)

    cdef int take_greeting(self, int code) except -1:
        """220: say EHLO, HELO or LHLO. Anything else is a refusal."""
        if code // 100 != 2:
            return self.refuse(code)
        self.read_banner()
        if self.settings.lmtp:
            self.hello(b"LHLO ", S_LHLO)
        elif (self.settings.always_ehlo or self.banner_esmtp) and not self.settings.never_ehlo and not (self.pix_no_esmtp and self.features & F_PIX):
            self.hello(b"EHLO ", S_EHLO)
        else:
            self.hello(b"HELO ", S_HELO)
        return 0

    cdef int take_hello(self, int code) except -1:
        """The answer to EHLO, HELO or LHLO; a refused EHLO is tried again as HELO."""
        if code // 100 == 2:
            if self.stage != S_HELO:
                self.features |= F_ESMTP
                self.read_features()
            self.stage = S_IDLE
            self.events |= E_READY
        elif self.stage == S_EHLO and code != 421:
            self.hello(b"HELO ", S_HELO)
        else:
            self.refuse(code)
        return 0

    cdef int take_rset(self, int code) except -1:
        """The probe of a kept session."""
        if code // 100 != 2:
            return self.give_up(STALE, self.keep_reply(code))
        self.kept = False
        return self.after_rset()

    cdef int after_rset(self) except -1:
        """Go on to XFORWARD, if it is due, else to MAIL."""
        self.stage = S_XFORWARD if self.xforward_left else S_MAIL
        return self.send_next()

    cdef int take_xforward(self, int code) except -1:
        """A refused XFORWARD is noted and forgotten."""
        if code // 100 != 2:
            self.notes.append(("xforward", self.reply.data[:self.reply.length].replace(b"\n", b" ").decode("ascii")))
        self.xforward_left -= 1
        return self.after_rset()

    cdef int take_mail(self, int code) except -1:
        """The sender's answer; refused, it stands for every recipient."""
        if code // 100 == 2:
            self.stage = S_RCPT
            return self.send_next()
        self.mail_refused = True
        self.fail_all(S_MAIL, code)
        self.stage = S_RCPT
        return 0 if self.piped else self.finish_transaction()

    cdef int take_rcpt(self, int code) except -1:
        """The answer for the recipient `next_reply`."""
        cdef Result* result = &self.results[self.next_reply]
        if not self.mail_refused:
            if code // 100 == 2:
                result.state = R_ACCEPTED
                self.accepted += 1
            else:
                result.state, result.stage, result.reply = R_FAILED, S_RCPT, self.keep_reply(code)
        self.next_reply += 1
        if self.next_reply < self.recipient_count:
            return self.send_next()
        if not self.piped and self.accepted == 0:
            return self.finish_transaction()
        self.stage = S_DATA
        return self.send_next()

    cdef int take_data(self, int code) except -1:
        """354: the content is due, or, with nobody to send it to, a lone dot."""
        if code // 100 != 3:
            self.fail_all(S_DATA, code)
            return self.finish_transaction()
        if self.accepted:
            self.stage = S_CONTENT
            self.events |= E_CONTENT
            return 0
        if self.settings.lmtp:
            self.no_reuse = True
            return self.finish_transaction()
        self.stage = S_DOT
        return self.put(b".\r\n", 3)

    cdef int take_dot(self, int code) except -1:
        """The answer to the final dot: one for all (SMTP), or one for each accepted recipient (LMTP)."""
        cdef int reply = self.keep_reply(code) if self.accepted else -1
        cdef bint good = code // 100 == 2
        while self.dot_reply < self.recipient_count:
            if self.results[self.dot_reply].state == R_ACCEPTED:
                self.results[self.dot_reply].state = R_SENT if good else R_FAILED
                self.results[self.dot_reply].stage = S_DOT
                self.results[self.dot_reply].reply = reply
                self.accepted -= 1
                if self.settings.lmtp and self.accepted:
                    return 0
            self.dot_reply += 1
        return self.finish_transaction()

    cdef int finish_transaction(self) except -1:
        """All replies are in: the results stand."""
        self.stage = S_IDLE
        self.messages += 1
        self.events |= E_DONE
        return 0

    cdef int fail_all(self, int stage, int code) except -1:
        """A reply that decides for every recipient that has no other result."""
        cdef int i, reply = -1
        for i in range(self.recipient_count):
            if self.results[i].state < R_SENT:
                if reply < 0:
                    reply = self.keep_reply(code)
                self.results[i].state, self.results[i].stage, self.results[i].reply = R_FAILED, stage, reply
        self.accepted = 0
        return 0

    cdef int refuse(self, int code) except -1:
        """The peer won't talk to us."""
        return self.give_up(REFUSED, self.keep_reply(code))

    cdef int give_up(self, int failure, int reply) except -1:
        """The session ends here; `stage` stays what it was, to say where."""
        self.failure, self.failed_reply, self.no_reuse = failure, reply, True
        self.events |= E_FAILED
        return 0

    cdef int keep_reply(self, int code) except -1:
        """Keep the current reply as one line; returns its index."""
        cdef Answer* answer
        cdef Answer* grown
        cdef Py_ssize_t i
        if self.answer_count == self.answers_size:
            grown = <Answer*>realloc(self.answers, (self.answers_size * 2 + 2) * sizeof(Answer))
            if grown == NULL:
                raise MemoryError()
            self.answers, self.answers_size = grown, self.answers_size * 2 + 2
        buffer_reserve(&self.texts, self.reply.length)
        answer = &self.answers[self.answer_count]
        answer.code, answer.offset, answer.length = code, <int>self.texts.length, <int>self.reply.length
        answer.dsn_length = self.dsn_size
        memcpy(answer.dsn, self.dsn_text, self.dsn_size)
        for i in range(self.reply.length):
            self.texts.data[self.texts.length + i] = 32 if self.reply.data[i] == 10 else self.reply.data[i]
        self.texts.length += self.reply.length
        self.answer_count += 1
        return self.answer_count - 1

    # -- what the peer says of itself ----------------------------------------------------------

    cdef int read_banner(self) except -1:
        """Words of the greeting: our own name in second place, ESMTP anywhere; a PIX hides all but "220"."""
        cdef int number = 0
        cdef bytes word
        cdef bytes text = self.reply.data[:self.reply.length]
        if not text.strip(b"20 *\n"):
            self.features |= F_PIX
        for word in text.split():
            if number == 1 and word.lower() == self.settings.hostname:
                self.own_name = True
            self.banner_esmtp = self.banner_esmtp or word.upper() == b"ESMTP"
            number += 1
        return 0

    cdef int read_features(self) except -1:
        """Each line of the EHLO reply after the first; the first may show our own name."""
        cdef Py_ssize_t start = 0, end, i
        cdef bint first = True
        while start < self.reply.length:
            end = start
            while end < self.reply.length and self.reply.data[end] != 10:
                end += 1
            if not first and end - start > 4:
                self.read_feature(self.reply.data + start + 4, end - start - 4)
            elif first and end - start > 4:
                i = start + 4
                while i < end and self.reply.data[i] != 32:
                    i += 1
                self.own_name_said = same_word(self.reply.data + start + 4, i - start - 4, self.settings.hostname,
                                               len(self.settings.hostname))
            first = False
            start = end + 1
        self.features &= ~self.settings.discard
        return 0

    cdef int read_feature(self, const char* text, Py_ssize_t length) except -1:
        """One EHLO keyword with its parameters."""
        cdef Py_ssize_t end = 0
        while end < length and text[end] != 32 and text[end] != 61:
            end += 1
        if same_word(text, end, b"PIPELINING", 10):
            self.features |= F_PIPELINING
        elif same_word(text, end, b"SIZE", 4):
            self.features |= F_SIZE
            self.read_size(text + end, length - end)
        elif same_word(text, end, b"8BITMIME", 8):
            self.features |= F_8BITMIME
        elif same_word(text, end, b"DSN", 3):
            self.features |= F_DSN
        elif same_word(text, end, b"SMTPUTF8", 8):
            self.features |= F_SMTPUTF8
        elif same_word(text, end, b"STARTTLS", 8):
            self.features |= F_STARTTLS
        elif same_word(text, end, b"AUTH", 4):
            self.features |= F_AUTH
        elif same_word(text, end, b"XFORWARD", 8):
            for word in text[end:length].split():
                self.features |= XFORWARD.get(word.upper(), 0)
        return 0

    cdef int read_size(self, const char* text, Py_ssize_t length) except -1:
        """The number after SIZE, 0 for none; digits are taken by byte, and not more than 18 of them."""
        cdef Py_ssize_t i = 0
        cdef long long value = 0
        while i < length and text[i] == 32:
            i += 1
        if length - i > 18:
            return 0
        for i in range(i, length):
            if not is_digit(text[i]):
                self.notes.append(("size", text[:length].strip().decode("ascii")))
                return 0
            value = value * 10 + text[i] - 48
        self.size_limit = value
        return 0

    # -- commands out --------------------------------------------------------------------------

    cdef int put(self, const char* data, Py_ssize_t length) except -1:
        """Append to what is to be sent."""
        buffer_reserve(&self.out, length)
        memcpy(self.out.data + self.out.length, data, length)
        self.out.length += length
        return 0

    cdef int put_bytes(self, bytes data) except -1:
        return self.put(data, len(data))

    cdef int hello(self, bytes verb, int stage) except -1:
        """Send the verb and our name."""
        self.put_bytes(verb)
        self.put_bytes(self.settings.helo)
        self.stage = stage
        return self.put(b"\r\n", 2)

    cdef int send_next(self) except -1:
        """Send the command that `stage` stands for, unless it has left with the others."""
        if self.piped:
            return 0
        if self.stage == S_XFORWARD:
            return self.put_xforward(len(self.request.xforward) - self.xforward_left)
        if self.stage == S_MAIL:
            return self.put_mail()
        if self.stage == S_RCPT:
            return self.put_rcpt(self.next_reply)
        return self.put(b"DATA\r\n", 6)

    cdef int put_xforward(self, Py_ssize_t index) except -1:
        self.put(b"XFORWARD ", 9)
        self.put_bytes(self.request.xforward[index])
        return self.put(b"\r\n", 2)

    cdef int put_mail(self) except -1:
        """MAIL FROM with what the peer understands of what we have to say."""
        cdef Request request = self.request
        self.put(b"MAIL FROM:<", 11)
        self.put_bytes(request.sender)
        self.put(b">", 1)
        if self.features & F_SIZE:
            self.put_bytes(b" SIZE=%d" % request.size)
        if self.features & F_8BITMIME and request.body:
            self.put_bytes(b" BODY=" + request.body)
        if self.features & F_DSN:
            if request.envid:
                self.put_bytes(b" ENVID=" + xtext(request.envid))
            if request.ret:
                self.put_bytes(b" RET=FULL" if request.ret == 1 else b" RET=HDRS")
        if self.features & F_SMTPUTF8 and request.utf8:
            self.put(b" SMTPUTF8", 9)
        return self.put(b"\r\n", 2)

    cdef int put_rcpt(self, int index) except -1:
        """RCPT TO for one recipient."""
        self.put(b"RCPT TO:<", 9)
        self.put_bytes(self.request.recipients[index])
        self.put(b">", 1)
        if self.features & F_DSN and self.request.dsn is not None:
            self.put_dsn(self.request.recipients[index], self.request.dsn[index])
        return self.put(b"\r\n", 2)

    cdef int put_dsn(self, bytes recipient, tuple dsn) except -1:
        """ORCPT, which is the recipient itself where it had no other name before, and NOTIFY."""
        cdef bytes orcpt = dsn[1]
        if orcpt:
            self.put_bytes(b" ORCPT=" + orcpt_text(orcpt))
        else:
            self.put(b" ORCPT=rfc822;", 14)
            buffer_reserve(&self.out, XTEXT_GROWTH * len(recipient))
            self.out.length += put_xtext(recipient, len(recipient), self.out.data + self.out.length)
        if dsn[0]:
            self.put_bytes(b" NOTIFY=" + b",".join([word for bit, word in NOTIFY_WORDS if dsn[0] & bit]))
        return 0

    cdef int begin_request(self, Request request) except -1:
        """Start a transaction: everything up to DATA in one write if the peer takes it, else the first command."""
        cdef int i, count = <int>len(request.recipients)
        if self.stage != S_IDLE or self.failure != NO_FAILURE or count == 0:
            raise ValueError("session is not ready for a message")
        self.reserve_results(count)
        self.request, self.recipient_count = request, count
        self.accepted = self.next_reply = self.dot_reply = self.answer_count = 0
        self.texts.length = 0
        self.mail_refused = False
        self.piped = (self.features & F_PIPELINING) != 0
        self.kept = self.messages > 0
        self.xforward_left = 0 if request.xforward is None else <int>len(request.xforward)
        if self.kept:
            self.put(b"RSET\r\n", 6)
            self.stage = S_RSET
        else:
            self.after_rset()
        if self.piped:
            for i in range(self.xforward_left):
                self.put_xforward(i)
            self.put_mail()
            for i in range(count):
                self.put_rcpt(i)
            self.put(b"DATA\r\n", 6)
        return 0

    cdef int reserve_results(self, int count) except -1:
        """Room for `count` results, all waiting."""
        cdef int i
        cdef Result* grown
        if count > self.results_size:
            grown = <Result*>realloc(self.results, count * sizeof(Result))
            if grown == NULL:
                raise MemoryError()
            self.results, self.results_size = grown, count
        for i in range(count):
            self.results[i].state, self.results[i].stage, self.results[i].reply = R_WAITING, S_MAIL, -1
        return 0

    # -- for Python ----------------------------------------------------------------------------

    def receive(self, bytes data not None) -> int:
        """feed() for a bytes object; returns how many bytes were taken."""
        return self.feed(data, len(data))

    def begin(self, Request request not None) -> None:
        """Start a transaction. ValueError: the session is not idle, or there is no recipient."""
        self.begin_request(request)

    def sent_content(self) -> None:
        """The content and its final dot have been handed to the socket: the reply to them comes next."""
        if self.stage != S_CONTENT:
            raise ValueError("no content was due")
        self.stage = S_DOT

    def quit(self) -> None:
        """Send QUIT; the session ends at once (E_CLOSE), or after its reply if skip_quit_response is off."""
        self.put(b"QUIT\r\n", 6)
        self.stage = S_CLOSED if self.settings.skip_quit_response else S_QUIT
        if self.settings.skip_quit_response:
            self.events |= E_CLOSE

    def take_output(self) -> bytes:
        """What is to be sent, and forget it."""
        data = self.out.data[:self.out.length] if self.out.length else b""
        self.out.length = 0
        return data

    @property
    def where(self) -> str:
        """Name of the stage the session is in (see STAGES)."""
        return STAGES[self.stage]

    def answer(self, int index) -> tuple:
        """A kept reply as (code, dsn, text); the dsn is "N.0.0" where the peer gave none, "" if the code isn't 2xx, 4xx, 5xx."""
        if index < 0 or index >= self.answer_count:
            raise IndexError("no such reply")
        cdef Answer* answer = &self.answers[index]
        cdef str dsn = ""
        if answer.dsn_length:
            dsn = answer.dsn[:answer.dsn_length].decode("ascii")
        elif answer.code // 100 in (2, 4, 5):
            dsn = "%d.0.0" % (answer.code // 100)
        return answer.code, dsn, self.texts.data[answer.offset:answer.offset + answer.length].decode("ascii")

    def result(self, int index) -> tuple:
        """(state, stage, reply index or -1) of recipient `index`; see STATES and STAGES."""
        if index < 0 or index >= self.recipient_count:
            raise IndexError("no such recipient")
        return self.results[index].state, self.results[index].stage, self.results[index].reply
