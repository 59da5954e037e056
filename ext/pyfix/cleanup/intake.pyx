"""One message on its way into the queue: content gathers here, then is committed.

Law: cleanup(8). Content comes with CRLF line ends and without dot-stuffing
(_core.data); the Received field goes before it. Up to 256 KiB stay in one buffer, which becomes the
record without another copy; what is longer goes to the log in chunks as it arrives, once the header is
complete.
"""

from libc.string cimport memchr, memcmp

from pyfix._core.data cimport ContentSink
from pyfix.cleanup.facts cimport F_COMPOSITE, F_EIGHT, F_LOOSE, Facts, lacks_fields, read_facts
from pyfix.message cimport Recipient
from pyfix.queue.content cimport ContentBuffer
from pyfix.telemetry.lines cimport Lines

from pyfix.cleanup.tidy import shortened, tidied
from pyfix.model import Reply

cdef enum:
    SPILL_AT = 262144            # content above this is written early
    HEADER_MAX = 8388608         # a header that has not ended by then is not waited for
    HAS_8BIT = 2                 # of pyfix.model
    INFO = 6                     # syslog severity


cdef class Keeper:
    """What an Intake needs of the stage that takes it in (pyfix.cleanup.stage.Cleanup sets the attributes)."""

    cdef bytes received(self, Intake intake):
        """The whole Received field of a message (POSTFIX.md, behaviours, row 16), line ends included."""
        cdef Origin origin = intake.origin
        cdef list recipients = intake.recipients
        date = self.date()
        if origin.uid >= 0:
            return b"Received: by %b (%b, from userid %d)\r\n\tid %b; %b\r\n" % (
                self.host, self.mail_name, origin.uid, intake.queue_id, date)
        if len(recipients) == 1:
            return b"Received: %b%b\r\n\tfor <%b>; %b\r\n" % (
                origin.received, intake.queue_id, (<Recipient> recipients[0]).address, date)
        return b"Received: %b%b;\r\n\t%b\r\n" % (origin.received, intake.queue_id, date)

    cdef int log_message_id(self, Intake intake, const char* p, size_t n) except -1:
        """`QID: message-id=<...>`, as cleanup logs it when the header has been read (a made one is logged when made)."""
        if n == 0:
            if intake.origin.local or self.rewrites_remote or self.adds_always:
                return 0
            p, n = b"<>", 2
        return (<Lines> self.log).put_parts(INFO, intake.queue_id, b": message-id=", 13, p, n)


cdef class Intake(ContentSink):
    """A message being received. `begin()` is called at its first recipient, then `recipient()`, `start()`,
    `write()` as content comes, and `finish()` or `abort()`.
    """

    def __init__(self, Keeper stage not None, Origin origin not None):
        self.stage, self.origin = stage, origin
        self.queue_id = b""
        self.sender = b""
        self.recipients = []
        self.envid = b""
        self.error = ""
        self.extents = []

    def start(self):
        """Content follows: puts the Received field (RFC 5321 section 4.4) before it, and what access tables want first."""
        cdef bytes received = self.stage.received(self)
        if self.actions is not None:
            received = self.stage.prepended(self) + received
        self.content = ContentBuffer()
        self.content.append(received, len(received))
        self.head = len(received)
        self.head_done = False
        self.header = None
        self.error = ""
        self.spilled = 0
        self.extents = []
        if self.stage.checks is not None:
            self.begin_checks(received)
        self.see_discard()

    cdef int see_discard(self) except -1:
        """A message that is to be thrown away (DISCARD) needs no content."""
        if self.actions is not None and not self.error and self.actions.get("discard"):
            self.error = "discard"
        return 0

    def begin_checks(self, bytes received):
        """The content goes through header and body checks, the Received field first; what comes out of them is kept."""
        self.content = ContentBuffer()
        self.head = 0
        self.checker = self.stage.checks.begin(self, self.content.write)
        self.checker.feed(received)

    cdef int write(self, const char* p, size_t n) except -1:
        if self.checker is None:
            self.content.append(p, n)
        elif not self.error:
            self.checker.feed(p[:n])
        if self.content.length > SPILL_AT:
            self.spill()
        return 0

    def put(self, bytes data):
        """write() for callers in Python: content with CRLF line ends."""
        self.write(data, len(data))

    cdef int spill(self) except -1:
        """Moves what has gathered to the log, unless the header is still coming."""
        if not self.head_done and not self.error:
            self.look_at_header(self.content.length > HEADER_MAX)
        if self.error:
            self.content = ContentBuffer()
        elif self.head_done:
            self.chunk()
        if self.checker is not None:
            self.checker.out = self.content.write
        return 0

    cdef int chunk(self) except -1:
        """Writes the buffer to the log as one chunk and begins another."""
        try:
            self.extents.append(self.stage.writer.chunk(self.content))
        except self.stage.queue_errors as trouble:
            self.error = self.stage.failed(trouble)
        self.spilled += self.content.length
        self.content = ContentBuffer()
        return 0

    cdef int look_at_header(self, bint last) except -1:
        """Reads the header if it is complete: logs Message-Id, counts hops, sets it apart where it must change."""
        cdef Facts facts
        cdef const char* p = self.content.data + self.head
        cdef size_t n = self.content.length - self.head
        read_facts(p, n, last, self.stage.drop_mask, &facts)
        if not facts.ended:
            return 0
        # content checks see to the header's form themselves (_core.mime)
        if self.checker is None and (facts.present & F_LOOSE or memchr(p, 0, facts.end) != NULL
                                     or self.stage.header_limit and facts.end > self.stage.header_limit):
            self.tidy(facts.end)
            p, n = self.content.data + self.head, self.content.length - self.head
            read_facts(p, n, last, self.stage.drop_mask, &facts)
        self.head_done = True
        if facts.present & (F_EIGHT | F_COMPOSITE):
            self.composite = facts.present & F_COMPOSITE
            if facts.present & F_EIGHT:
                self.encoding = "8bit"
        self.stage.log_message_id(self, p + facts.message_id.start, facts.message_id.end - facts.message_id.start)
        if facts.received + 1 >= self.stage.hopcount_limit if self.checker is None else self.checker.hops >= self.stage.hopcount_limit:
            self.error = "hops"
        elif facts.drops or (not facts.blank and facts.body < n) or self.header_changes(&facts):
            self.set_header_apart(&facts)
        return 0

    def header_over(self):
        """The checker has let the whole header through."""
        if not self.head_done and not self.error:
            self.look_at_header(True)
            self.checker.out = self.content.write

    cdef int tidy(self, size_t end) except -1:
        """Puts the client's header, `end` bytes long, into Postfix's form."""
        cdef ContentBuffer whole = ContentBuffer()
        cdef const char* p = self.content.data + self.head
        cdef bytes header = tidied(p[:end])
        if self.stage.header_limit and <size_t> len(header) > self.stage.header_limit:
            header = shortened(header, self.stage.header_limit)
        whole.append(self.content.data, self.head)
        whole.append(header, len(header))
        whole.append(p + end, self.content.length - self.head - end)
        self.content = whole
        return 0

    cdef bint header_changes(self, const Facts* facts) except -1:
        """Whether fields have to be added, addresses may be rewritten, or fields that read_facts() doesn't know are dropped."""
        if self.stage.drops_others:
            return True
        if self.origin.local:
            return self.stage.headers_mapped or facts.odd or lacks_fields(facts, self.stage.undisclosed)
        return self.stage.rewrites_remote or (self.stage.adds_always and lacks_fields(facts, self.stage.undisclosed))

    cdef int set_header_apart(self, Facts* facts) except -1:
        """Keeps the client's header for the stage to edit; the buffer then begins with the body."""
        cdef const char* p = self.content.data + self.head
        cdef size_t n = self.content.length - self.head
        cdef ContentBuffer rest = ContentBuffer()
        drops = [(facts.drop[i].start, facts.drop[i].end) for i in range(facts.drops)]
        self.facts = (facts.present, drops, bool(facts.overflow))
        self.header = self.content.data[:self.head + facts.end]
        if not facts.blank and facts.body < n:
            rest.append(b"\r\n", 2)          # the body began where a field should: set it apart
        rest.append(p + facts.end, n - facts.end)
        self.content = rest
        return 0

    def take_header(self):
        """(Received field, the client's fields) of a header set apart, for the stage to edit."""
        return self.header[:self.head], self.header[self.head:]

    def put_header(self, bytes header):
        """Puts the edited header, the Received field first, before the body."""
        cdef ContentBuffer whole = ContentBuffer()
        self.header = None
        whole.append(header, len(header))
        if self.extents:
            if self.content.length:
                self.chunk()
            self.content = whole
            self.chunk()
            self.extents.insert(0, self.extents.pop())
        else:
            whole.append(self.content.data, self.content.length)
            self.content = whole

    def finish(self, int flags, done):
        """The content is complete. `flags`: model.HAS_* bits of it. `done(Reply)` follows, at once or after the commit."""
        self.finish_for(flags, done, NULL)

    cdef int finish_for(self, int flags, object done, Told told) except -1:
        """finish(); where the message is queued, told(done, self) is called instead of done(Reply)."""
        self.flags |= flags
        self.done, self.told = done, told
        if self.checker is not None and not self.error:
            self.checker.finish()
            self.flags |= self.checker.flags
        self.see_discard()
        if not self.head_done and not self.error:
            self.look_at_header(True)
        if flags & HAS_8BIT and self.composite:
            self.encoding = "8bit"
        if self.error:
            self.stage.refuse(self)
        else:
            self.stage.complete(self)
        return 0

    cdef int queued(self) except -1:
        """The message is on disk."""
        cdef Told told = self.told
        done = self.take_done()
        if done is None:
            return 0
        if told != NULL:
            return told(done, self)
        done(Reply(250, "2.0.0", "Ok: queued as " + self.queue_id.decode()))
        return 0

    def close(self):
        """All content is here: writes the last chunk of a long message and settles its size."""
        if self.extents and self.content.length:
            self.chunk()
        self.size = self.spilled + self.content.length

    def commit(self, bytes envelope):
        """Hands the packed envelope and the content to the log; the stage answers when it is on disk."""
        extents, self.extents = self.extents, []
        self.stage.writer.commit(envelope, None if extents else self.content, self, extents or None)
        self.content = None

    def answer(self, reply):
        """Ends this message with a Reply."""
        done = self.take_done()
        if done is not None:
            done(reply)

    def take_done(self):
        """Who waits for the reply, to be called once; None when nobody does any more."""
        done, self.done = self.done, None
        return done

    def abort(self):
        """Forgets the message and lets go of what was spilled. A commit under way is not undone: nobody hears of it."""
        self.done = None
        self.content = None
        if self.extents:
            self.stage.writer.drop(self.extents)
            self.extents = []

    @property
    def chunks(self):
        """Where spilled content is, in order: [(segment, offset, length), ...]."""
        return list(self.extents)
