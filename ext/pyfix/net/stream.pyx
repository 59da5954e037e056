"""One connected socket on an Engine: gathered writes, leftovers of reads, a deadline.

The law: a handler is called with bytes and says how many it used; what it sends
while it runs leaves in one write when it returns. Edge-triggered epoll(7): a read shorter than asked for means drained.
"""

import os

from libc.errno cimport EAGAIN, EINPROGRESS, EINTR, errno
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memmove

from pyfix.net.posix cimport (
    AF_UNIX, EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP, IP_BIND_ADDRESS_NO_PORT, IPPROTO_IP,
    IPPROTO_TCP, MSG_MORE, MSG_NOSIGNAL, SO_ERROR, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET, TCP_NODELAY,
    c_bind, c_close, c_connect, c_recv, c_send, c_sendfile, c_socket, getsockname, getsockopt, setsockopt)
from pyfix.net.sockaddr cimport fill as fill_address, read as read_address, sockaddr, socklen_t

cdef enum:
    SCRATCH = 65536              # the engine's
    READS_PER_TURN = 16          # a fast sender yields after 1 MiB
    BLOCKED_AT = 262144          # bytes waiting to be written that stop the reading


cdef class Stream(Watched):
    """One connected (or connecting) socket. Subclasses define the on_*() handlers.

    After an error, end of file or timeout the handler decides what follows.
    on_data() returns how many bytes it used; the rest comes again, in front of what is read next.
    """

    def __cinit__(self, *args, **kwargs):
        self.file_fd = -1

    def __dealloc__(self):
        if self.fd >= 0:
            c_close(self.fd)
        free(self.rbuf)
        free(self.wbuf)

    # -- defaults

    cdef int on_connect(self) except -1:
        return 0

    cdef Py_ssize_t on_data(self, const char* p, Py_ssize_t n) except -1:
        return n

    cdef int on_eof(self) except -1:
        return self.close()

    cdef int on_error(self, int error) except -1:
        return self.abort()

    cdef int on_timeout(self) except -1:
        return self.abort()

    cdef int on_drain(self) except -1:
        return 0

    cdef int on_crash(self, object error) except -1:
        """An exception escaped a handler: our own fault. The session ends; the loop's handler decides on the process."""
        self.abort()
        self.engine.loop.call_exception_handler({"message": "a session handler failed", "exception": error})
        return 0

    # -- what the engine calls

    cdef int flush_now(self) except -1:
        try:
            self.flush()
        except BaseException as error:
            self.on_crash(error)
        return 0

    cdef int time_out(self) except -1:
        try:
            if self.closing:
                self.abort()
            else:
                self.on_timeout()
        except BaseException as error:
            self.on_crash(error)
        return 0

    cdef int end(self) except -1:
        return self.abort()

    # -- opening and closing

    cdef int adopt(self, Engine engine, int fd, const sockaddr_storage* peer) except -1:
        """Takes an accepted, non-blocking socket over."""
        self.engine = engine
        if peer != NULL:
            memcpy(&self.peer, peer, sizeof(sockaddr_storage))
        engine.register(self, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)
        self.fd = fd
        engine.streams += 1
        return 0

    cdef int connect(self, Engine engine, int family, str host, int port, str source) except -1:
        """Starts to connect; on_connect() or on_error() follows. `source` is a local address or "".

        Raises OSError when not even a start is possible, ValueError on a malformed address.
        """
        cdef socklen_t length = fill_address(&self.peer, family, host, port)
        cdef int fd = c_socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
        if fd < 0:
            raise OSError(errno, os.strerror(errno))
        try:
            prepare(fd, family, source)
            if c_connect(fd, <sockaddr*> &self.peer, length) < 0 and errno != EINPROGRESS:
                raise OSError(errno, os.strerror(errno))
            engine.register(self, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)
        except BaseException:
            c_close(fd)
            raise
        self.engine, self.fd, self.connecting = engine, fd, True
        engine.streams += 1
        return 0

    cdef int close(self) except -1:
        """Sends what is waiting, then closes. Handlers are called no more."""
        if self.fd < 0 or self.closing:
            return 0
        self.closing = True
        if self.wlen > self.wpos or self.file_left:
            if self.deadline == 0:
                self.set_deadline(60)
            self.engine.mark_dirty(self)
        else:
            self.abort()
        return 0

    cdef int abort(self) except -1:
        """Closes at once."""
        cdef int fd = self.fd
        if fd < 0:
            return 0
        self.fd = -1
        self.closing = True
        self.deadline = 0
        self.wpos = self.wlen = 0
        self.file_left = 0
        self.engine.drop_deadline(self)
        self.engine.streams -= 1
        self.engine.forget(self, fd)
        c_close(fd)
        return 0

    # -- deadlines

    cdef int set_deadline(self, int64_t seconds) except -1:
        """on_timeout() after that many seconds unless set again; 0 = none. Coarse: up to a second late."""
        if seconds <= 0 or self.fd < 0:
            self.deadline = 0
            return 0
        self.deadline = self.engine.now + seconds * 1000
        # a later deadline is noticed when its old bucket comes up; only an earlier one has to move
        if self.bucket == 0 or self.bucket > self.deadline // 1000 + 1:
            self.engine.place_deadline(self)
        return 0

    # -- reading

    cdef int pause(self) except -1:
        """No on_data() until resume()."""
        self.paused = True
        return 0

    cdef int resume(self) except -1:
        """Hands out what was left over and what has come meanwhile. Safe inside a handler."""
        self.paused = False
        if not self.in_callback and self.fd >= 0 and (self.rlen or self.readable):
            self.handle(0)
        return 0

    cdef int handle(self, uint32_t events) except -1:
        """Acts on epoll events. What a handler raises goes to on_crash()."""
        if events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP):
            self.readable = True
        if events & (EPOLLRDHUP | EPOLLHUP):
            self.hung_up = True
        try:
            if self.connecting and not (events & (EPOLLOUT | EPOLLERR | EPOLLHUP) and finish_connect(self)):
                return 0
            if events & EPOLLERR:
                return self.failed(socket_error(self.fd))
            if events & EPOLLOUT and (self.wlen > self.wpos or self.file_left):
                self.flush()
            self.fill()
        except BaseException as error:
            self.in_callback = False
            self.on_crash(error)
        return 0

    cdef int failed(self, int error) except -1:
        if self.closing or self.fd < 0:
            return self.abort()
        return self.on_error(error)

    cdef bint blocked(self) noexcept:
        return self.paused or (not self.reads_while_blocked and self.wlen - self.wpos > BLOCKED_AT)

    cdef int fill(self) except -1:
        """Reads and hands out until drained, paused or closed."""
        cdef ssize_t n
        cdef int turn
        if self.rlen and not self.closing and not self.blocked():
            self.feed(NULL, 0)
        for turn in range(READS_PER_TURN):
            if not self.readable or self.fd < 0 or self.blocked():
                return 0
            n = c_recv(self.fd, self.engine.scratch, SCRATCH, 0)
            if n > 0:
                if not self.closing:
                    self.feed(self.engine.scratch, n)
            elif n == 0:
                self.readable, self.eof = False, True
                return self.abort() if self.closing else self.on_eof()
            elif errno == EAGAIN:
                self.readable = False
            elif errno != EINTR:
                self.readable = False
                return self.failed(errno)
            # a short read means drained, but the end of file behind it raises no second edge: EPOLLRDHUP
            # came with this one if it was already there, so go round once more only for that
            if 0 < n < SCRATCH and not self.hung_up:
                self.readable = False
        self.engine.loop.call_soon(self.again)   # a fast sender: the others first
        return 0

    def again(self):
        """Goes on with a stream that had more to read than one turn allows."""
        self.handle(0)

    cdef int feed(self, const char* p, Py_ssize_t n) except -1:
        """Gives on_data() the leftover and [p, p+n), as often as it makes progress."""
        cdef Py_ssize_t used, total
        cdef const char* data
        while True:
            if self.rlen and n:
                self.keep_rest(p, n)
            if self.rlen:
                data, total = self.rbuf, self.rlen
            else:
                data, total = p, n
            n = 0
            self.in_callback = True
            used = self.on_data(data, total)
            self.in_callback = False
            if used > total:
                raise AssertionError("on_data used more than it was given")
            if self.fd < 0:
                self.rlen = 0
                return 0
            if data == self.rbuf:
                drop_front(self, used)
            elif used < total:
                self.keep_rest(data + used, total - used)
            # part was used and nothing stops us: the handler may have resumed meanwhile
            if not used or not self.rlen or self.paused or self.closing:
                return 0

    cdef int keep_rest(self, const char* p, size_t n) except -1:
        cdef size_t need = self.rlen + n
        cdef char* grown
        if need > self.rcap:
            self.rcap = need + need // 2 if need < 1048576 else need + 1048576
            grown = <char*> realloc(self.rbuf, self.rcap)
            if grown == NULL:
                raise MemoryError
            self.rbuf = grown
        memcpy(self.rbuf + self.rlen, p, n)
        self.rlen = need
        return 0

    # -- writing

    cdef int send(self, const char* p, size_t n) except -1:
        """Gathers bytes; they leave when the current turn ends, or at flush()."""
        cdef size_t need = self.wlen + n
        cdef char* grown
        if self.fd < 0 or self.closing:
            return 0
        if self.file_left:
            raise AssertionError("send() behind a file range")
        if need > self.wcap:
            need = need * 2 if need < 1048576 else need + 1048576
            grown = <char*> realloc(self.wbuf, need)
            if grown == NULL:
                raise MemoryError
            self.wbuf, self.wcap = grown, need
        memcpy(self.wbuf + self.wlen, p, n)
        self.wlen += n
        self.engine.mark_dirty(self)
        return 0

    cdef int send_bytes(self, bytes data) except -1:
        return self.send(data, len(data))

    cdef int send_file(self, int fd, int64_t offset, int64_t length) except -1:
        """Sends a file range after what was gathered; on_drain() follows. The descriptor stays the caller's."""
        if self.fd < 0 or self.closing:
            return 0
        if self.file_left:
            raise AssertionError("send_file() behind a file range")
        self.file_fd, self.file_offset, self.file_left = fd, offset, length
        self.engine.mark_dirty(self)
        return 0

    cdef int flush(self) except -1:
        """Writes as much as the socket takes; on_drain() when all is out."""
        cdef bint was_blocked = self.blocked()
        if self.fd < 0 or self.connecting or not (self.wlen > self.wpos or self.file_left):
            if self.fd >= 0 and self.closing:
                self.abort()
            return 0
        if not write_buffer(self) or not write_file(self):
            return 0
        if self.closing:
            return self.abort()
        self.on_drain()
        if was_blocked and (self.readable or self.rlen):
            self.fill()
        return 0

    # -- facts

    def peer_address(self):
        """(host, port) of the other side; ("", 0) for a local socket."""
        return read_address(&self.peer)

    def local_address(self):
        """(host, port) of this side; ("", 0) once closed."""
        cdef sockaddr_storage address
        cdef socklen_t length = sizeof(address)
        if self.fd < 0 or getsockname(self.fd, <sockaddr*> &address, &length) < 0:
            return "", 0
        return read_address(&address)


cdef int prepare(int fd, int family, str source) except -1:
    """Options and source address of a socket about to connect."""
    cdef sockaddr_storage local
    cdef socklen_t length
    cdef int one = 1
    if family != AF_UNIX:
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one))
    if source:
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one))
        length = fill_address(&local, family, source, 0)
        if c_bind(fd, <sockaddr*> &local, length) < 0:
            raise OSError(errno, os.strerror(errno))
    return 0


cdef int drop_front(Stream stream, size_t used) except -1:
    """Forgets the first `used` bytes of the leftover."""
    stream.rlen -= used
    if stream.rlen == 0:
        free(stream.rbuf)
        stream.rbuf, stream.rcap = NULL, 0
    elif used:
        memmove(stream.rbuf, stream.rbuf + used, stream.rlen)
    return 0


cdef bint write_buffer(Stream stream) except -1:
    """True when all gathered bytes are out."""
    cdef ssize_t n
    # the last bytes wait for the end of file that close() sends: one packet. Not where unread input would make it a reset
    cdef bint more = stream.file_left or (stream.closing and not stream.readable and not stream.hung_up)
    while stream.wpos < stream.wlen:
        n = c_send(stream.fd, stream.wbuf + stream.wpos, stream.wlen - stream.wpos, MSG_NOSIGNAL | (MSG_MORE if more else 0))
        if n >= 0:
            stream.wpos += n
        elif errno == EAGAIN:
            return False
        elif errno != EINTR:
            stream.failed(errno)
            return False
    stream.wpos = stream.wlen = 0
    # an idle session keeps no buffer; a busy one gets it back from malloc's cache
    free(stream.wbuf)
    stream.wbuf, stream.wcap = NULL, 0
    return True


cdef bint write_file(Stream stream) except -1:
    """True when the file range, if any, is out."""
    cdef ssize_t n
    while stream.file_left:
        n = c_sendfile(stream.fd, stream.file_fd, &stream.file_offset, <size_t> stream.file_left)
        if n > 0:
            stream.file_left -= n
        elif n == 0:
            raise AssertionError("a file range ended early")
        elif errno == EAGAIN:
            return False
        elif errno != EINTR:
            stream.failed(errno)
            return False
    return True


cdef bint finish_connect(Stream stream) except -1:
    """True when connected; else on_error() was told why."""
    cdef int error = socket_error(stream.fd)
    stream.connecting = False
    if error:
        stream.failed(error)
        return False
    stream.on_connect()
    return stream.fd >= 0


cdef int socket_error(int fd) noexcept:
    cdef int error = 0
    cdef socklen_t length = sizeof(error)
    if getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0:
        return errno
    return error
