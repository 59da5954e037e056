from pyfix._core.data cimport ContentSink
from pyfix.cleanup.facts cimport Facts
from pyfix.cleanup.origin cimport Origin
from pyfix.queue.content cimport ContentBuffer

ctypedef int (*Told)(object, Intake) except -1


cdef class Keeper:
    cdef public object writer, queue_errors, log
    cdef public object checks           # header and body checks, or None
    cdef public bytes host, mail_name   # of a local submission's Received field
    cdef public unsigned int drop_mask  # of message_drop_headers
    cdef public int hopcount_limit
    cdef public size_t header_limit     # bytes of one field (header_size_limit), 0: none
    cdef public bint headers_mapped, rewrites_remote, adds_always, undisclosed, drops_others

    cdef bytes received(self, Intake intake)
    cdef int log_message_id(self, Intake intake, const char* p, size_t n) except -1


cdef class Intake(ContentSink):
    cdef readonly Keeper stage            # a pyfix.cleanup.stage.Cleanup
    cdef public Origin origin
    cdef public bytes queue_id
    cdef public bytes sender
    cdef public list recipients           # model.Recipient, as accepted
    cdef public long long arrival         # microseconds
    cdef public int flags, ret
    cdef public bytes envid
    cdef public object actions            # what access tables and checks decided: hold, redirect, filter ..., or None
    cdef public str error                 # why the content can't be kept, "" if it can
    cdef public str encoding              # what the content is declared as, "8bit" or "7bit", or None
    cdef public object reply              # the refusal of a content check, or None
    cdef public object checker            # header and body checks of this message, or None
    cdef bint composite                   # the content has parts
    cdef ContentBuffer content
    cdef list extents                     # where spilled content went
    cdef size_t spilled                   # bytes of it
    cdef size_t head                      # length of what was put before the client's content
    cdef bint head_done                   # the header has been read: what follows may be spilled
    cdef readonly bytes header            # the client's header where it has to be edited, else None
    cdef readonly object facts            # then: (bits of Facts.present, [(start, end) to drop], overflow)
    cdef readonly Py_ssize_t size         # bytes of content as committed
    cdef object done                      # called with the Reply
    cdef Told told                        # called instead with (done, self) when the message is queued, or NULL

    cdef int look_at_header(self, bint last) except -1
    cdef int tidy(self, size_t end) except -1
    cdef bint header_changes(self, const Facts* facts) except -1
    cdef int set_header_apart(self, Facts* facts) except -1
    cdef int chunk(self) except -1
    cdef int see_discard(self) except -1
    cdef int spill(self) except -1
    cdef int finish_for(self, int flags, object done, Told told) except -1
    cdef int queued(self) except -1
