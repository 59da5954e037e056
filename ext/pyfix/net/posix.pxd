"""The system calls of the engine, as C declares them."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from pyfix.net.sockaddr cimport sockaddr, socklen_t

cdef extern from "<sys/epoll.h>" nogil:
    ctypedef union epoll_data_t:
        uint64_t u64
    cdef struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epfd, int op, int fd, epoll_event* event)
    int epoll_wait(int epfd, epoll_event* events, int n, int timeout)
    enum:
        EPOLL_CLOEXEC
        EPOLL_CTL_ADD
        EPOLL_CTL_DEL
        EPOLLIN
        EPOLLOUT
        EPOLLERR
        EPOLLHUP
        EPOLLRDHUP
        EPOLLET

cdef extern from "<sys/socket.h>" nogil:
    int accept4(int fd, sockaddr* peer, socklen_t* length, int flags)
    int c_socket "socket"(int family, int kind, int protocol)
    int c_connect "connect"(int fd, const sockaddr* address, socklen_t length)
    int c_bind "bind"(int fd, const sockaddr* address, socklen_t length)
    int getsockopt(int fd, int level, int name, void* value, socklen_t* length)
    int setsockopt(int fd, int level, int name, const void* value, socklen_t length)
    int getsockname(int fd, sockaddr* address, socklen_t* length)
    ssize_t c_recv "recv"(int fd, void* buffer, size_t n, int flags)
    ssize_t c_send "send"(int fd, const void* buffer, size_t n, int flags)
    enum:
        SOCK_STREAM
        SOCK_NONBLOCK
        SOCK_CLOEXEC
        SOL_SOCKET
        SO_ERROR
        MSG_NOSIGNAL
        MSG_MORE
        AF_UNIX

cdef extern from "<netinet/in.h>" nogil:
    enum:
        IPPROTO_IP
        IPPROTO_TCP
        IP_BIND_ADDRESS_NO_PORT

cdef extern from "<netinet/tcp.h>" nogil:
    enum:
        TCP_NODELAY

cdef extern from "<sys/sendfile.h>" nogil:
    ssize_t c_sendfile "sendfile"(int out_fd, int in_fd, int64_t* offset, size_t n)

cdef extern from "<unistd.h>" nogil:
    int c_close "close"(int fd)
