"""One end of a connection between our processes: frames out of bytes, and bytes out of messages.

Law: `ipc.messages`. A frame is a 4-byte big-endian length and one msgpack array. A frame that is longer than
FRAME_LIMIT, or is no array with a number first, ends the connection: the other side is one of our own
processes and must not be believed more than that. uvloop calls this as an asyncio protocol; what is sent goes
to the kernel in one system call at flush(), and through uvloop only where the socket is full.
"""

import asyncio
import socket
import struct

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EINTR, errno

from pyfix._core.buffer cimport Buffer
from pyfix._core.pack cimport Packer
from pyfix._core.unpack cimport Packed, packed, take_object
from pyfix.errors import PeerError

cdef extern from "<sys/socket.h>" nogil:
    ssize_t c_send "send"(int fd, const void* data, size_t size, int flags)
    int MSG_DONTWAIT, MSG_NOSIGNAL

cdef enum:
    LIMIT = 16 << 20
    BACKLOG = 256 << 20

FRAME_LIMIT = LIMIT             # bytes of one message
BACKLOG_LIMIT = BACKLOG         # bytes that may wait for a peer which doesn't read


cdef size_t frame_length(const char* data) noexcept nogil:
    """The number at the head of a frame."""
    cdef const unsigned char* p = <const unsigned char*>data
    return <size_t>p[0] << 24 | <size_t>p[1] << 16 | <size_t>p[2] << 8 | p[3]


cdef int put_length(Buffer out, size_t start) except -1:
    """Write the length of the frame that begins at `start`, whose body is there. PeerError, and the frame is gone: it is too long."""
    cdef size_t length = out.length - start - 4
    cdef int i
    if length > LIMIT:
        out.length = start
        raise PeerError(f"message of {length} bytes is over the limit of {FRAME_LIMIT}")
    for i in range(4):
        out.data[start + i] = <char>(length >> (24 - 8 * i) & 255)
    return 0


cdef int put_frame(Packer packer, object message) except -1:
    """Append a frame; nothing is appended where that fails."""
    cdef Buffer out = packer.out
    cdef size_t start = out.length
    out.append(b"\0\0\0\0", 4)
    try:
        packer.value(message, 0)
    except BaseException:
        out.length = start
        raise
    return put_length(out, start)


def encode(list message not None) -> bytes:
    """One frame. Raises PeerError where the message is over FRAME_LIMIT."""
    cdef Packer packer = Packer()
    put_frame(packer, message)
    return packer.take()


cdef list decoded(const char* data, size_t length):
    cdef Packed at = packed(data, length)
    try:
        message = take_object(&at, b"strict", 0)
    except ValueError as error:
        raise PeerError(f"bad frame: {error}") from None
    if at.bad or at.p != at.end:
        raise PeerError("bad frame: not one msgpack value")
    if type(message) is not list or not message or type((<list>message)[0]) is not int:
        raise PeerError("bad frame: not an array that starts with a number")
    return <list>message


def decode(const unsigned char[::1] body not None) -> list:
    """The message in a frame's body. Raises PeerError for anything but an array with a number first."""
    return decoded(<const char*>&body[0], body.shape[0]) if body.shape[0] else decoded(NULL, 0)


cdef class Connection:
    """One end of a connection (an asyncio protocol)."""

    cdef public object on_message, on_close, on_open
    cdef public object transport
    cdef public object peer             # for the owner: whatever it wants to remember here
    cdef public bint paused             # True while the other side reads slower than we write
    cdef object loop, error
    cdef Packer packer
    cdef Buffer out                     # what was sent and not flushed
    cdef bytearray rest                 # the start of a frame
    cdef Py_ssize_t need                # bytes that it takes to go on with it
    cdef int fd
    cdef bint due                       # flush() will be called at the end of this turn
    cdef bint queued                    # the transport may have bytes of ours

    def __init__(self, on_message, on_close=None, on_open=None):
        self.on_message, self.on_close, self.on_open = on_message, on_close, on_open
        self.packer = Packer()
        self.out = self.packer.out
        self.rest, self.need, self.fd = bytearray(), 4, -1

    @property
    def closed(self) -> bool:
        """True before the connection is up and after it has ended."""
        return self.transport is None or self.transport.is_closing()

    @property
    def backlog(self) -> int:
        """Bytes that have not been handed to the kernel yet."""
        return self.out.length + (self.transport.get_write_buffer_size() if self.transport is not None else 0)

    def send(self, list message not None):
        """Send a message at the end of this turn of the loop. A closed connection swallows it:
        on_close tells the owner, who knows what was not answered. Raises PeerError for too big a message."""
        if self.closed:
            return
        put_frame(self.packer, message)
        self.soon()

    def send_packed(self, bytes body not None):
        """send() of a message that is msgpack already."""
        cdef size_t start = self.out.length
        if self.closed:
            return
        self.out.append(b"\0\0\0\0", 4)
        self.out.append(PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
        put_length(self.out, start)
        self.soon()

    cdef int soon(self) except -1:
        """Have turn_over() called."""
        if not self.due:
            self.due = True
            self.loop.call_soon(self.turn_over)
        return 0

    def send_now(self, list message not None):
        """send() and flush(): for who sends once a turn."""
        if not self.closed:
            put_frame(self.packer, message)
            self.flush()

    def flush(self):
        """Hand what was sent to the kernel now."""
        cdef ssize_t n = 0
        if not self.out.length or self.closed:
            return
        if self.queued and not self.transport.get_write_buffer_size():
            self.queued = False
        if not self.queued and self.fd >= 0:
            n = c_send(self.fd, self.out.data, self.out.length, MSG_DONTWAIT | MSG_NOSIGNAL)
            if n == <ssize_t>self.out.length:
                return self.out.clear()
            n = max(n, 0)       # the socket is full, or broken: then the transport finds the same, and says so
        self.queued = True
        data = PyBytes_FromStringAndSize(self.out.data + n, self.out.length - n)
        self.out.release()
        self.transport.write(data)
        if self.paused and self.transport.get_write_buffer_size() > BACKLOG:
            self.fail(PeerError(f"the other side has left {BACKLOG_LIMIT} bytes unread"))

    def turn_over(self):
        """The end of the turn in which send() was called."""
        self.due = False
        self.flush()

    def close(self):
        """Send what is waiting, then end the connection."""
        self.flush()
        if self.transport is not None:
            self.transport.close()

    def peer_credentials(self) -> tuple:
        """(pid, uid, gid) of the process on the other side, from the kernel (SO_PEERCRED)."""
        sock = self.transport.get_extra_info("socket")
        return struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))

    cdef int fail(self, object error) except -1:
        self.error = error
        self.transport.abort()
        return 0

    def connection_made(self, transport):
        self.transport = transport
        self.loop = asyncio.get_running_loop()
        sock = transport.get_extra_info("socket")
        self.fd = sock.fileno() if sock is not None else -1
        if self.on_open is not None:
            self.on_open(self)

    def data_received(self, bytes data not None):
        cdef Py_ssize_t at
        if len(self.rest):
            self.rest += data
            if len(self.rest) < self.need:
                return
            data = bytes(self.rest)
            self.rest.clear()
        at = self.frames(data)
        if at < len(data) and not self.closed:
            self.rest += data[at:] if at else data

    def eof_received(self):
        """The other side has closed: so do we."""

    cdef Py_ssize_t frames(self, bytes data) except -1:
        """Hand on the whole frames of `data`; the number of bytes they took."""
        cdef Py_ssize_t at = 0, size = PyBytes_GET_SIZE(data)
        cdef const char* p = PyBytes_AS_STRING(data)
        cdef size_t length
        self.need = 4
        while size - at >= 4 and not self.transport.is_closing():
            length = frame_length(p + at)
            if length > LIMIT:
                self.fail(PeerError(f"frame of {length} bytes is over the limit of {FRAME_LIMIT}"))
                return size
            if <size_t>(size - at - 4) < length:
                self.need = 4 + <Py_ssize_t>length
                break
            if not self.one(p + at + 4, length):
                return size
            at += 4 + <Py_ssize_t>length
        return at

    cdef bint one(self, const char* body, size_t length) except -1:
        try:
            self.on_message(self, decoded(body, length))
        except PeerError as error:
            self.fail(error)
            return False
        except BaseException:
            self.transport.abort()
            raise
        return True

    def pause_writing(self):
        self.paused = True

    def resume_writing(self):
        self.paused = False

    def connection_lost(self, error):
        self.rest.clear()
        self.out.release()
        self.fd = -1
        if self.on_close is not None:
            self.on_close(self, self.error or error)
