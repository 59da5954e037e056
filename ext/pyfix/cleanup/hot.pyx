"""What every ordinary message costs between its last byte and its reply: the plain way, in C.

Law: docs/flow.md steps 5 to 7. A message takes this way when its header needs no edit, no mapping is
configured, and all its addresses were resolved before; any other takes Cleanup's. Both write the same bytes
(pyfix.queue.envelope) and the same notices (ipc.messages.COMMITTED).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from pyfix._core.chars cimport is_plain_address
from pyfix._core.pack cimport Packer
from pyfix.cleanup.intake cimport Intake, Keeper
from pyfix.cleanup.origin cimport NONE, Origin
from pyfix.clock cimport wall_us
from pyfix.message cimport Recipient
from pyfix.queue.envelope cimport put_extents, put_recipients, put_start
from pyfix.resolve.cache cimport Cache

from pyfix.model import Reply
from pyfix.resolve.domains import ERROR, FAIL

cdef enum:
    LOCAL_SUBMISSION = 32       # of pyfix.model, as the next
    LOCAL_CLIENT = 256
    VERP = 512
cdef int UNROUTABLE = ERROR | FAIL


cdef class Hot(Keeper):
    """The part of Cleanup that each message passes. Cleanup sets the attributes."""

    cdef public object resolver, mapper, notify
    cdef public dict senders            # sender as given -> as queued, while no table is asked
    cdef public long long generation
    cdef public bint plain              # no content filter of main.cf, and mappings are wanted
    cdef Packer packer

    def __cinit__(self, *args, **kwargs):
        self.packer = Packer()
        self.senders = {}

    def intake(self, Origin origin not None):
        """A new message, with its queue id. QueueError: the queue gives none now."""
        cdef Intake intake = Intake(self, origin)
        intake.queue_id = self.writer.new_id()
        intake.arrival = wall_us()
        return intake

    def complete(self, Intake intake):
        """Commits an intake, at once where it can be; the reply follows when the commit is on disk."""
        sender = None
        if intake.header is None and intake.actions is None and self.plain and self.mapper.idle:
            sender = self.senders.get(intake.sender)
            if sender is None and plain_sender(intake.sender):
                sender = intake.sender
        if sender is not None and self.resolved(sender, intake.recipients):
            self.commit(intake, sender, intake.recipients)
        else:
            self.complete_slowly(intake)

    cdef object resolution(self, bytes address, bytes sender):
        """What the resolver knows of an address (recipient None: the address itself), None where it has to be asked."""
        if isinstance(self.resolver, Cache):
            return (<Cache> self.resolver).short(address, sender)
        return self.resolver.cached(address, sender)

    cdef bint resolved(self, bytes sender, list recipients) except -1:
        """Whether all recipients are distinct and known to the resolver; then they are routed."""
        cdef Recipient recipient
        cdef tuple resolution
        if not distinct(recipients):
            return False
        for recipient in recipients:
            resolution = <tuple> self.resolution(recipient.address, sender)
            if resolution is None or <int> resolution[3] & UNROUTABLE:
                return False
            if resolution[2] is not None and resolution[2] != recipient.address:
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
        elif intake.origin.local:
            intake.flags |= LOCAL_CLIENT
        intake.sender, intake.recipients = sender, recipients
        try:
            intake.commit(self.envelope(intake))
        except self.queue_errors as trouble:
            intake.error = self.failed(trouble)
            self.refuse(intake)

    cdef bytes envelope(self, Intake intake):
        """The record's head, as queue.envelope.pack() writes it."""
        put_start(self.packer, intake.queue_id, intake.arrival, intake.sender, intake.flags, intake.size, intake.ret, intake.envid,
                  self.generation)
        self.attributes(intake.origin, intake.encoding)
        put_recipients(self.packer, intake.recipients)
        put_extents(self.packer, intake.extents)
        return self.packer.take()

    cdef int attributes(self, Origin origin, str encoding) except -1:
        """The envelope's attributes: the client's, its port, the encoding."""
        cdef Packer p = self.packer
        p.map(origin.pairs + (origin.port != NONE) + (encoding is not None))
        p.raw(origin.packed)
        if origin.port != NONE:
            p.text("client_port")
            p.text(origin.port_text())
        if encoding is not None:
            p.text("encoding")
            p.text(encoding)
        return 0

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
                intake.queued()
            else:
                intake.error = self.failed(error)
                self.refuse(intake)

    cpdef bytes notice(self, Intake intake, place):
        """An item of ipc.messages.COMMITTED, packed."""
        cdef Packer p = self.packer
        cdef list recipients = intake.recipients
        cdef Recipient recipient
        cdef Py_ssize_t n
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
        if one_site(recipients) and not intake.flags & VERP:
            p.array(1)
            recipient = recipients[0]
            self.put_site(recipient.transport, recipient.nexthop, len(recipients))
            for n in range(len(recipients)):
                p.integer(n)
            return p.take()
        grouped = {}
        for index, recipient in enumerate(recipients):
            alone = index if intake.flags & VERP else 0
            grouped.setdefault((recipient.transport, recipient.nexthop, alone), []).append(index)
        p.array(len(grouped))
        for (transport, nexthop, _), indexes in grouped.items():
            self.put_site(transport, nexthop, len(indexes))
            for index in indexes:
                p.integer(index)
        return p.take()

    cdef int put_site(self, str transport, str nexthop, size_t n) except -1:
        """The head of a site with n recipients, whose indexes follow."""
        self.packer.array(3)
        self.packer.text(transport)
        self.packer.text(nexthop)
        return self.packer.array(n)


cdef bint plain_sender(bytes address) except -1:
    """Whether the address is queued as it is while no table is asked: nothing to complete, and not MAILER-DAEMON (the null sender)."""
    cdef const char* p = PyBytes_AS_STRING(address)
    cdef size_t n = PyBytes_GET_SIZE(address)
    return n and not (p[0] == b"m" or p[0] == b"M") and is_plain_address(p, n)


cdef bint one_site(list recipients) except -1:
    """Whether all go to the same place."""
    cdef Recipient first = recipients[0]
    cdef Recipient other
    for other in recipients:
        if other.nexthop is not first.nexthop and other.nexthop != first.nexthop or other.transport != first.transport:
            return False
    return True


cdef bint distinct(list recipients) except -1:
    """Whether no address is there twice, in whatever case."""
    cdef set seen
    cdef Recipient recipient
    if len(recipients) == 1:
        return True
    seen = set()
    for recipient in recipients:
        seen.add(lowered(recipient.address))
    return len(seen) == len(recipients)


cdef bytes lowered(bytes address):
    """The address in lower case (ASCII); itself where it is."""
    cdef const char* p = PyBytes_AS_STRING(address)
    cdef Py_ssize_t i
    for i in range(PyBytes_GET_SIZE(address)):
        if 65 <= p[i] <= 90:
            return address.lower()
    return address
