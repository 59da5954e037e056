"""Log lines as Postfix writes them, gathered in one buffer.

Law: postlogd(8), syslog(3), RFC 3164. A line is never broken in two, never longer
than TEXT_LIMIT bytes of text, and holds no control character: what a peer sends
can't forge a line or move a terminal's cursor. No object is made per line.

Two shapes. A file gets `Nov 22 13:16:00 host postfix/smtpd[123]: text` with a line
end; syslog gets `<22>Nov 22 13:16:00 postfix/smtpd[123]: text`, one datagram each.
"""

from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_Check
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EINTR, ENOBUFS, errno
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memmove, memset
from libc.time cimport localtime_r, strftime, time_t, tm
from posix.time cimport CLOCK_REALTIME_COARSE, clock_gettime, timespec

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef extern from "sys/uio.h" nogil:
    cdef struct iovec:
        void* iov_base
        size_t iov_len

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <sys/socket.h>
    """
    cdef struct msghdr:
        iovec* msg_iov
        size_t msg_iovlen
    cdef struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    int sendmmsg(int fd, mmsghdr* messages, unsigned int count, int flags) nogil
    int MSG_DONTWAIT, MSG_NOSIGNAL

cdef extern from "unistd.h" nogil:
    ssize_t write(int fd, const void* data, size_t size)

TEXT_LIMIT = 2000          # Postfix stays below the 2048 bytes of old syslogs

cdef enum:
    LIMIT = 2000
    BACKLOG = 8 << 20      # bytes kept while the receiver takes none; what is over is counted
    BATCH = 64             # datagrams a system call


cdef inline size_t utf8_length(const unsigned char* p, size_t left) noexcept nogil:
    """Length of the well-formed, harmless UTF-8 sequence at p, 0 if there is none.

    Harmless leaves out C1 controls, line and paragraph separators and the bidi overrides.
    """
    cdef unsigned int c = p[0]
    if 0xC2 <= c <= 0xDF:
        if left < 2 or (p[1] & 0xC0) != 0x80 or (c == 0xC2 and p[1] < 0xA0):
            return 0
        return 2
    if 0xE0 <= c <= 0xEF:
        if left < 3 or (p[1] & 0xC0) != 0x80 or (p[2] & 0xC0) != 0x80:
            return 0
        if (c == 0xE0 and p[1] < 0xA0) or (c == 0xED and p[1] > 0x9F):
            return 0
        if c == 0xE2 and p[1] == 0x80 and (0xA8 <= p[2] <= 0xAE or 0x8E <= p[2] <= 0x8F):
            return 0
        if c == 0xE2 and p[1] == 0x81 and 0xA6 <= p[2] <= 0xA9:
            return 0
        return 3
    if 0xF0 <= c <= 0xF4:
        if left < 4 or (p[1] & 0xC0) != 0x80 or (p[2] & 0xC0) != 0x80 or (p[3] & 0xC0) != 0x80:
            return 0
        if (c == 0xF0 and p[1] < 0x90) or (c == 0xF4 and p[1] > 0x8F):
            return 0
        return 4
    return 0


cdef extern from *:
    """
    /* Whether all eight bytes are 32 to 126. */
    static inline int printable(uint64_t word) {
        uint64_t low = word & 0x7F7F7F7F7F7F7F7FULL;
        return !((word | (low + 0x0101010101010101ULL) | ~(low + 0x6060606060606060ULL)) & 0x8080808080808080ULL);
    }
    """
    bint printable(uint64_t word) noexcept nogil


cdef size_t mask(char* target, const char* source, size_t size) noexcept nogil:
    """Copy `size` bytes (target has room for as many), each unprintable one as "?"."""
    cdef const unsigned char* p = <const unsigned char*> source
    cdef size_t at = 0, step
    cdef uint64_t word
    while size - at >= 8:           # eight at a time as long as all are printable ASCII
        memcpy(&word, p + at, 8)
        if not printable(word):
            break
        memcpy(target + at, &word, 8)
        at += 8
    while at < size:
        if 32 <= p[at] < 127:
            target[at] = p[at]
            at += 1
            continue
        step = utf8_length(p + at, size - at) if p[at] >= 0xC2 else 0
        if step:
            memcpy(target + at, p + at, step)
            at += step
        else:
            target[at] = b"?"
            at += 1
    return size


cdef size_t cut(const char* text, size_t size) noexcept nogil:
    """`size` bounded by LIMIT, back to the start of a UTF-8 sequence."""
    if size <= LIMIT:
        return size
    size = LIMIT
    while size > LIMIT - 4 and (<unsigned char> text[size] & 0xC0) == 0x80:
        size -= 1
    return size


cdef const char* label(int severity, bint panic) noexcept nogil:
    """What Postfix writes before a text of that severity."""
    if panic:
        return b"panic: "
    if severity == 2:
        return b"fatal: "
    if severity == 3:
        return b"error: "
    if severity == 4:
        return b"warning: "
    return b""


cdef size_t label_length(int severity, bint panic) noexcept nogil:
    if panic or severity == 2 or severity == 3:
        return 7
    return 9 if severity == 4 else 0


cdef class Lines:
    """A buffer of log lines for one process."""

    def __cinit__(self, *args, **kwargs):
        self.host = self.tag = b""
        self.second = -1

    def __init__(self, bytes host not None, bytes tag not None, int facility=-1, object wake=None):
        self.setup(host, tag, facility)
        self.wake = wake

    def __dealloc__(self):
        PyMem_Free(self.buffer)
        PyMem_Free(self.ends)

    def __len__(self):
        return self.length

    def share(self, Lines other not None):
        """Put lines into the buffer of `other` from now on, under our own tag: one process, one order."""
        self.target = other.target if other.target is not None else other

    def setup(self, bytes host not None, bytes tag not None, int facility=-1):
        """Take new values for what stands at the head of a line (after a reload)."""
        if not -1 <= facility <= 23:
            raise ValueError(f"no such syslog facility: {facility}")
        self.host, self.tag = host, tag + b": "
        self.to_syslog = facility >= 0
        self.facility = facility

    cdef int grow(self, size_t need) except -1:
        """Make room for `need` more bytes and one more line."""
        cdef size_t want
        cdef void* fresh
        if self.length + need > self.capacity:
            want = (self.length + need) * 2 + 4096
            fresh = PyMem_Realloc(self.buffer, want)
            if fresh is NULL:
                raise MemoryError
            self.buffer, self.capacity = <char*> fresh, want
        if self.count == self.slots:
            want = self.slots * 2 + 64
            fresh = PyMem_Realloc(self.ends, want * sizeof(size_t))
            if fresh is NULL:
                raise MemoryError
            self.ends, self.slots = <size_t*> fresh, want
        return 0

    cdef int refresh(self) except -1:
        """Renew the time stamp when the second has changed."""
        cdef timespec now
        cdef tm parts
        clock_gettime(CLOCK_REALTIME_COARSE, &now)
        if now.tv_sec == self.second:
            return 0
        localtime_r(<time_t*>&now.tv_sec, &parts)
        strftime(self.stamp, sizeof(self.stamp), "%b %e %H:%M:%S", &parts)
        self.second = now.tv_sec
        return 0

    cdef void append(self, const char* data, size_t size) noexcept:
        memcpy(self.buffer + self.length, data, size)
        self.length += size

    cdef int head(self, int severity, bytes tag) except -1:
        """What stands before the text; `grow` has been called."""
        cdef int priority
        if self.to_syslog:
            priority = self.facility * 8 + severity
            self.append(b"<", 1)
            if priority >= 100:
                self.buffer[self.length] = 48 + priority // 100
                self.length += 1
            if priority >= 10:
                self.buffer[self.length] = 48 + priority // 10 % 10
                self.length += 1
            self.buffer[self.length] = 48 + priority % 10
            self.length += 1
            self.append(b">", 1)
        self.append(self.stamp, 15)
        self.append(b" ", 1)
        if not self.to_syslog:
            self.append(PyBytes_AS_STRING(self.host), PyBytes_GET_SIZE(self.host))
            self.append(b" ", 1)
        self.append(PyBytes_AS_STRING(tag), PyBytes_GET_SIZE(tag))
        return 0

    cdef int put(self, int severity, const char* text, Py_ssize_t size) except -1:
        return self.put_line(severity, False, text, size)

    cdef int put_parts(self, int severity, bytes left, const char* middle, size_t n, const char* right, size_t m) except -1:
        """put() of three pieces; `middle` is shorter than 64 bytes."""
        cdef char text[LIMIT + 64]
        cdef size_t at = min(<size_t> PyBytes_GET_SIZE(left), <size_t> LIMIT)
        cdef size_t rest
        memcpy(text, PyBytes_AS_STRING(left), at)
        memcpy(text + at, middle, n)
        at += n
        rest = min(m, sizeof(text) - at)
        memcpy(text + at, right, rest)
        return self.put_line(severity, False, text, at + rest)

    cdef int put_line(self, int severity, bint panic, const char* text, Py_ssize_t size) except -1:
        cdef Lines target = self if self.target is None else self.target
        return target.enter(self.tag, severity, panic, text, size)

    cdef int enter(self, bytes tag, int severity, bint panic, const char* text, Py_ssize_t size) except -1:
        """Put a line with that tag into our buffer."""
        cdef size_t bounded = cut(text, size)
        cdef bint first = self.length == 0
        if self.length > BACKLOG:
            self.dropped += 1
            return 0
        self.refresh()
        self.grow(bounded + PyBytes_GET_SIZE(tag) + PyBytes_GET_SIZE(self.host) + 48)
        self.head(severity, tag)
        self.append(label(severity, panic), label_length(severity, panic))
        self.length += mask(self.buffer + self.length, text, bounded)
        if not self.to_syslog:
            self.append(b"\n", 1)
        self.ends[self.count] = self.length
        self.count += 1
        if first and self.wake is not None:
            self.wake()
        return 0

    cdef int take(self, int severity, bint panic, object text) except -1:
        """One line from a str or bytes object."""
        cdef Py_ssize_t size
        cdef const char* data
        if PyUnicode_Check(text):
            try:
                data = PyUnicode_AsUTF8AndSize(text, &size)
            except UnicodeEncodeError:
                text = (<str> text).encode("utf-8", "surrogateescape")
                data, size = PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)
        else:
            text = bytes(text) if not isinstance(text, bytes) else text
            data, size = PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)
        return self.put_line(severity, panic, data, size)

    def info(self, text):
        """An ordinary line; `text` is str or bytes without a line end."""
        self.take(6, False, text)

    def warning(self, text):
        """A line `warning: text`."""
        self.take(4, False, text)

    def error(self, text):
        """A line `error: text`."""
        self.take(3, False, text)

    def fatal(self, text):
        """A line `fatal: text`. It only logs; ending the process is the caller's."""
        self.take(2, False, text)

    def panic(self, text):
        """A line `panic: text`. It only logs; ending the process is the caller's."""
        self.take(2, True, text)

    def pending(self):
        """The gathered lines as a list of bytes, without taking them out."""
        cdef size_t at, start = 0
        lines = []
        for at in range(self.count):
            lines.append(self.buffer[start:self.ends[at]])
            start = self.ends[at]
        return lines

    def clear(self):
        """Forget the gathered lines."""
        self.length = self.count = 0

    cdef int shift(self, size_t lines) except -1:
        """Take the first `lines` lines out."""
        cdef size_t at, gone
        if lines == self.count:
            self.length = self.count = 0
            return 0
        if lines == 0:
            return 0
        gone = self.ends[lines - 1]
        memmove(self.buffer, self.buffer + gone, self.length - gone)
        for at in range(lines, self.count):
            self.ends[at - lines] = self.ends[at] - gone
        self.length -= gone
        self.count -= lines
        return 0

    def write_file(self, int fd):
        """Append all lines to the file `fd` (opened O_APPEND) with one write.

        A file that takes no more (disk full) loses the lines: they are counted in `dropped`,
        since a mail system must not stop for want of room for its log. Returns errno or 0.
        """
        cdef ssize_t done = 0
        cdef size_t at = 0
        cdef int failure = 0
        while at < self.length:
            with nogil:
                done = write(fd, self.buffer + at, self.length - at)
            if done >= 0:
                at += done
            elif errno != EINTR:
                failure = errno
                self.dropped += self.count
                break
        self.written += self.length
        self.length = self.count = 0
        return failure

    def send_datagrams(self, int fd):
        """Send the lines to the syslog socket `fd`, one datagram each, many a system call.

        Returns True when all are gone, False when the receiver's queue is full: call again
        when `fd` can be written. A receiver that is gone raises OSError; the lines stay.
        """
        cdef mmsghdr heads[BATCH]
        cdef iovec parts[BATCH]
        cdef size_t sent = 0, at, start = 0
        cdef int batch, got, failure
        while sent < self.count:
            memset(heads, 0, sizeof(heads))
            batch = <int> min(<size_t> BATCH, self.count - sent)
            for at in range(<size_t> batch):
                parts[at].iov_base = self.buffer + start
                parts[at].iov_len = self.ends[sent + at] - start
                heads[at].msg_hdr.msg_iov = &parts[at]
                heads[at].msg_hdr.msg_iovlen = 1
                start = self.ends[sent + at]
            got = sendmmsg(fd, heads, batch, MSG_DONTWAIT | MSG_NOSIGNAL)
            if got < 0:
                failure = errno
                if failure == EINTR:
                    start = self.ends[sent - 1] if sent else 0
                    continue
                self.shift(sent)
                if failure == EAGAIN or failure == ENOBUFS:
                    return False
                raise OSError(failure, "syslog socket")
            sent += got
            start = self.ends[sent - 1] if sent else 0
        self.shift(sent)
        return True


def masked(bytes text):
    """`text` as it would stand in a line: bounded, unprintable bytes as "?"."""
    cdef size_t size = cut(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
    cdef bytes result = text[:size]
    cdef bytearray target = bytearray(result)
    mask(<char*> target, PyBytes_AS_STRING(text), size)
    return bytes(target)
