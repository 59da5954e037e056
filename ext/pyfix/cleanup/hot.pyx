"""What every ordinary message costs between its last byte and its reply: the plain way, in C.

Law: docs/flow.md steps 5 to 7. A message takes this way when its header needs no edit, no mapping is
configured, and all its addresses were resolved before; any other takes Cleanup's. Both write the same bytes
(pyfix.queue.envelope) and the same notices (ipc.messages.COMMITTED).
"""

from pyfix._core.pack cimport Packer
from pyfix.cleanup.intake cimport Intake

from pyfix.model import LOCAL_SUBMISSION, Reply
from pyfix.resolve.domains import ERROR, FAIL

cdef int VERSION = 1            # of pyfix.queue.envelope
cdef int UNROUTABLE = ERROR | FAIL


cdef class Hot:
    """The part of Cleanup that each message passes. Cleanup sets the attributes."""

    cdef public object resolver, mapper, writer, notify, queue_errors, log
    cdef public dict senders            # sender as given -> as queued, while no table is asked
    cdef public long long generation
    cdef public bint plain              # no content filter of main.cf, and mappings are wanted
    cdef Packer packer

    def __cinit__(self, *args, **kwargs):
        self.packer = Packer()
        self.senders = {}

    def complete(self, Intake intake):
        """Commits an intake, at once where it can be; the reply follows when the commit is on disk."""
        sender = None
        if intake.header is None and intake.actions is None and self.plain and self.mapper.idle:
            sender = self.senders.get(intake.sender)
        if sender is not None and self.resolved(sender, intake.recipients):
            self.commit(intake, sender, intake.recipients)
        else:
            self.complete_slowly(intake)

    cdef bint resolved(self, bytes sender, list recipients) except -1:
        """Whether all recipients are distinct and known to the resolver; then they are routed."""
        if len(recipients) > 1 and len({recipient.address.lower() for recipient in recipients}) != len(recipients):
            return False
        cached = self.resolver.cached
        for recipient in recipients:
            resolution = cached(recipient.address, sender)
            if resolution is None or resolution[3] & UNROUTABLE or resolution[2] != recipient.address:
                return False
            recipient.transport, recipient.nexthop = resolution[0], resolution[1]
        return True

    def commit(self, Intake intake, bytes sender, list recipients):
        """Hands the message to the writer; `on_group` hears what became of it."""
        intake.close()
        if intake.error:
            self.refuse(intake)
            return
        if intake.origin.uid >= 0:
            intake.flags |= LOCAL_SUBMISSION
        intake.sender, intake.recipients = sender, recipients
        try:
            intake.commit(self.envelope(intake))
        except self.queue_errors as trouble:
            intake.error = self.failed(trouble)
            self.refuse(intake)

    cdef bytes envelope(self, Intake intake):
        """The record's head, as queue.envelope.pack() writes it."""
        cdef Packer p = self.packer
        cdef dict attributes = intake.origin.attributes
        p.array(12)
        p.integer(VERSION)
        p.binary(intake.queue_id)
        p.integer(intake.arrival)
        p.binary(intake.sender)
        p.integer(intake.flags)
        p.integer(intake.size)
        p.integer(intake.ret)
        p.binary(intake.envid)
        p.integer(self.generation)
        if intake.encoding is None:
            p.map(len(attributes))
        else:
            p.map(len(attributes) + 1)
            p.text("encoding")
            p.text(intake.encoding)
        for name, value in attributes.items():
            p.text(name)
            p.text(value)
        p.array(6 * len(intake.recipients))
        for recipient in intake.recipients:
            p.binary(recipient.address)
            p.binary(recipient.original)
            p.binary(recipient.orcpt)
            p.integer(recipient.notify)
            p.text(recipient.transport)
            p.text(recipient.nexthop)
        p.array(3 * len(intake.extents))
        for segment, offset, length in intake.extents:
            p.integer(segment)
            p.integer(offset)
            p.integer(length)
        return p.take()

    def on_group(self, list group):
        """The writer's answer for all messages of one commit: first qmgr learns of them, then the clients."""
        cdef Intake intake
        cdef list notices = []
        for intake, place, error in group:
            if error is None:
                notices.append(self.notice(intake, place))
        if notices:
            self.log.flush()        # our lines of a message stand before qmgr's
            self.notify(notices)
        for intake, place, error in group:
            if error is None:
                intake.answer(Reply(250, "2.0.0", "Ok: queued as " + intake.queue_id.decode()))
            else:
                intake.error = self.failed(error)
                self.refuse(intake)

    cpdef bytes notice(self, Intake intake, place):
        """An item of ipc.messages.COMMITTED, packed."""
        cdef Packer p = self.packer
        cdef list recipients = intake.recipients
        p.array(10)
        p.binary(intake.queue_id)
        p.integer(intake.arrival)
        p.integer(place[0])
        p.integer(place[1])
        p.integer(place[2])
        p.integer(intake.size)
        p.integer(intake.flags)
        p.binary(intake.sender)
        p.integer(len(recipients))
        if len(recipients) == 1:
            p.array(1)
            self.site(recipients[0].transport, recipients[0].nexthop, (0,))
            return p.take()
        grouped = {}
        for index, recipient in enumerate(recipients):
            grouped.setdefault((recipient.transport, recipient.nexthop), []).append(index)
        p.array(len(grouped))
        for (transport, nexthop), indexes in grouped.items():
            self.site(transport, nexthop, indexes)
        return p.take()

    cdef int site(self, str transport, str nexthop, object indexes) except -1:
        self.packer.array(3)
        self.packer.text(transport)
        self.packer.text(nexthop)
        self.packer.array(len(indexes))
        for index in indexes:
            self.packer.integer(index)
        return 0
