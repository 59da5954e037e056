from pyfix.net.engine cimport Engine, Watched
from pyfix.net.sockaddr cimport sockaddr_storage


cdef class Listener(Watched):
    cdef readonly bint paused
    # An accepted socket: build a Stream on it with Stream.adopt(). If it raises, the socket is closed.
    cdef int accepted(self, int fd, const sockaddr_storage* peer) except -1
    cpdef int pause(self) except -1
    cpdef int resume(self) except -1
