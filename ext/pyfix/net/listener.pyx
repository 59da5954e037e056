"""Listening sockets: accept what waits, without letting a flood starve the sessions (accept(2), listen(2))."""

from libc.stdint cimport uint32_t
from libc.errno cimport ECONNABORTED, EINTR, EMFILE, ENFILE, errno

from pyfix.net.posix cimport (
    AF_UNIX, EPOLL_CTL_DEL, EPOLLIN, IPPROTO_TCP, SOCK_CLOEXEC, SOCK_NONBLOCK, TCP_NODELAY, accept4, c_close,
    epoll_ctl, setsockopt)
from pyfix.net.sockaddr cimport sockaddr, socklen_t

cdef enum:
    ACCEPT_BATCH = 64            # connections accepted in one turn


cdef class Listener(Watched):
    """A listening socket. `fd` must be non-blocking; it stays its owner's to close."""

    def __init__(self, Engine engine, int fd):
        cdef int one = 1
        self.engine, self.fd = engine, fd
        # accepted sockets inherit it; harmless on AF_UNIX
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one))
        self.paused = True
        self.resume()

    cdef int handle(self, uint32_t events) except -1:
        return accept_ready(self)

    cdef int accepted(self, int fd, const sockaddr_storage* peer) except -1:
        raise AssertionError("Listener.accepted must be defined by the subclass")

    cpdef int pause(self) except -1:
        """Stops accepting; waiting connections stay in the backlog."""
        if not self.paused:
            epoll_ctl(self.engine.epfd, EPOLL_CTL_DEL, self.fd, NULL)
            self.engine.forget(self, self.fd)
            self.paused = True
        return 0

    cpdef int resume(self) except -1:
        """Accepts again after pause()."""
        if self.paused:
            self.engine.register(self, self.fd, EPOLLIN)
            self.paused = False
        return 0


cdef int accept_ready(Listener listener) except -1:
    cdef sockaddr_storage peer
    cdef socklen_t length
    cdef int fd, i
    for i in range(ACCEPT_BATCH):
        if listener.paused:
            return 0
        length = sizeof(peer)
        fd = accept4(listener.fd, <sockaddr*> &peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC)
        if fd >= 0:
            accept_one(listener, fd, &peer)
        elif errno == EMFILE or errno == ENFILE:
            # nothing to accept with until a session ends: look again in a second rather than spin
            listener.pause()
            listener.engine.loop.call_later(1.0, listener.resume)
            return 0
        elif errno != ECONNABORTED and errno != EINTR:
            return 0
    return 0


cdef int accept_one(Listener listener, int fd, const sockaddr_storage* peer) except -1:
    try:
        listener.accepted(fd, peer)
    except BaseException as error:
        if fd >= listener.engine.table_size or listener.engine.table[fd] == NULL:
            c_close(fd)
        listener.engine.loop.call_exception_handler(
            {"message": "accepting a connection failed", "exception": error})
    return 0
