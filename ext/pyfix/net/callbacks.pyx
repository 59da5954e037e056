"""Engine and Stream for callers written in Python: every handler is an ordinary method.

For tools, tests and rare connections; the mail paths subclass Stream in Cython.
"""

from pyfix.net.engine cimport Engine
from pyfix.net.listener cimport Listener
from pyfix.net.sockaddr cimport sockaddr_storage
from pyfix.net.stream cimport Stream


cdef class PyStream(Stream):
    """A Stream whose handlers are Python methods: connected, data -> bytes used, ended, failed, timed_out, drained."""

    cdef int on_connect(self) except -1:
        self.connected()
        return 0

    cdef Py_ssize_t on_data(self, const char* p, Py_ssize_t n) except -1:
        return self.data(p[:n])

    cdef int on_eof(self) except -1:
        self.ended()
        return 0

    cdef int on_error(self, int error) except -1:
        self.failed_with(error)
        return 0

    cdef int on_timeout(self) except -1:
        self.timed_out()
        return 0

    cdef int on_drain(self) except -1:
        self.drained()
        return 0

    def connected(self):
        """The connection that connect_to() began is open."""

    def data(self, data: bytes) -> int:
        """Takes bytes; returns how many of them it used."""
        return len(data)

    def ended(self):
        """The peer sends no more."""
        self.close()

    def failed_with(self, error: int):
        """The socket failed with an errno value."""
        self.abort()

    def timed_out(self):
        """The deadline passed."""
        self.abort()

    def drained(self):
        """All that was written has left."""

    def connect_to(self, Engine engine, int family, str host, int port, str source=""):
        """Begins to connect. Raises OSError or ValueError when that cannot even start."""
        self.connect(engine, family, host, port, source)

    def write(self, bytes data):
        """Gathers `data` for the end of this turn."""
        self.send_bytes(data)

    def write_file(self, int fd, offset, length):
        """Sends a file range after what was written."""
        self.send_file(fd, offset, length)

    def deadline_in(self, seconds):
        """Sets the deadline, in whole seconds from now; 0 = none."""
        self.set_deadline(seconds)

    def pause_reading(self):
        """Calls data() no more until resume_reading()."""
        self.pause()

    def resume_reading(self):
        """Undoes pause_reading()."""
        self.resume()

    def finish(self):
        """Closes after what was written has left."""
        self.close()

    def drop(self):
        """Closes at once."""
        self.abort()

    @property
    def is_open(self) -> bool:
        return self.fd >= 0


cdef class PyListener(Listener):
    """Calls `factory()` for a PyStream for each connection, and opens it."""

    cdef object factory

    def __init__(self, Engine engine, int fd, factory):
        self.factory = factory
        super().__init__(engine, fd)

    cdef int accepted(self, int fd, const sockaddr_storage* peer) except -1:
        cdef PyStream stream = self.factory()
        stream.adopt(self.engine, fd, peer)
        stream.on_connect()
        return 0
