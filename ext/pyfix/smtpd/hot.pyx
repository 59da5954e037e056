"""What every session passes of what its process shares: settings, the client, counts.

The law: what is plain is answered here; what is not goes to the Python side of the same object
(pyfix.smtpd.settings, client, server), which has the whole law. Nothing here outlives its
second unless no table and no name was asked for it.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from pyfix._core.chars cimport is_plain_address
from pyfix.cleanup.origin cimport of_session

from pyfix.resolve.domains import DEFAULT as DEFAULT_CLASS, FAIL as FAILED

cdef enum:
    KNOWN_MS = 1000             # a client's name and table answers are taken as they were for so long
    MOST_RECENT = 20000
cdef long DEFAULT = DEFAULT_CLASS, FAIL = FAILED


cdef class SettingsHot:
    """One configuration for smtpd, as sessions read it."""

    cdef bint quick(self, bytes address, bytes sender) except -1:
        """For a client in mynetworks: is this recipient plainly welcome? False means: ask policy."""
        cdef tuple resolution
        cdef long flags
        if not self.short_way:
            return False
        resolution = self.resolver.short(address, sender)
        if resolution is None:
            return False
        flags = resolution[3]
        if flags == DEFAULT and self.asks_no_table and resolution[0] not in ("error", "retry"):
            return True
        return not self.asks_unlisted and not flags & FAIL

    cdef bytes canonical_form(self, bytes address):
        """The address as cleanup will see it."""
        if is_plain_address(PyBytes_AS_STRING(address), PyBytes_GET_SIZE(address)):
            return address
        return self.canonical(address)


cdef class ClientHot:
    """A client under one configuration. pyfix.smtpd.client.Client says what its attributes are, and makes origins."""

    cdef Origin origin(self, bytes helo, int port, bint esmtp, bint utf8):
        """The Origin of messages of one session: all of the Received field before the queue id."""
        if self.made is None or utf8 or self.made.utf8 or self.made_esmtp != esmtp or self.made_helo != helo:
            self.made = self.make_origin(helo, esmtp, utf8)
            self.made_helo, self.made_esmtp = helo, esmtp
        return of_session(self.made, port)


cdef class ServerHot:
    """All sessions of a process. pyfix.smtpd.server.Server has what is asked rarely."""

    def __cinit__(self, *args, **kwargs):
        self.sessions, self.tallied, self.doors, self.recent = set(), {}, [], {}

    cdef ClientHot known(self, bytes address, int64_t now):
        """The Client at an address if it was here within the last second; `now` in the engine's milliseconds."""
        cdef ClientHot client = self.recent.get(address)
        if client is None or client.known_until < now or client.settings is not self.settings:
            return None
        return client

    cdef int remember(self, ClientHot client, int64_t now) except -1:
        """The client's name and what tables say of it are known now."""
        if len(self.recent) >= MOST_RECENT:
            self.recent.clear()
        client.known_until = now + KNOWN_MS
        self.recent[client.address] = client
        return 0

    cdef object enter(self, object session, bytes address, ClientHot client):
        """A new client: None, or the 421 it gets. Who has no limits is not counted."""
        cdef SettingsHot settings = client.settings
        if self.limit and len(self.sessions) >= self.limit:
            self.full()
        if client.exempt or not (settings.connection_count or settings.connection_rate):
            return None
        return self.admit(session)

    cdef int leave(self, object session, bytes address) except -1:
        """A session is over."""
        self.sessions.discard(session)
        if self.tallied:
            self.release(session)
        if self.limit:
            self.left()
        return 0


# ---- the same for Python: nobody on the way of a message calls these, but tests do

def welcome(SettingsHot settings not None, bytes address not None, bytes sender not None):
    """SettingsHot.quick."""
    return bool(settings.quick(address, sender))


def canonical_form(SettingsHot settings not None, bytes address not None):
    """SettingsHot.canonical_form."""
    return settings.canonical_form(address)


def origin(ClientHot client not None, bytes helo, int port, bint esmtp, bint utf8):
    """ClientHot.origin."""
    return client.origin(helo, port, esmtp, utf8)


def known(ServerHot server not None, bytes address not None, int64_t now):
    """ServerHot.known."""
    return server.known(address, now)


def remember(ServerHot server not None, ClientHot client not None, int64_t now):
    """ServerHot.remember."""
    server.remember(client, now)


def enter(ServerHot server not None, object session, bytes address, ClientHot client not None):
    """ServerHot.enter."""
    return server.enter(session, address, client)


def leave(ServerHot server not None, object session, bytes address):
    """ServerHot.leave."""
    server.leave(session, address)
