cdef extern from "<sys/socket.h>" nogil:
    ctypedef unsigned short sa_family_t
    ctypedef unsigned int socklen_t
    cdef struct sockaddr:
        sa_family_t sa_family
    cdef struct sockaddr_storage:
        sa_family_t ss_family

# Writes an address into `out`; returns its length. Raises ValueError on a malformed one.
cdef socklen_t fill(sockaddr_storage* out, int family, str host, int port) except 0
# (host, port) of an address: host is numeric text, "" for AF_UNIX.
cdef tuple read(const sockaddr_storage* address)
# The numeric host, b"" for AF_UNIX, and its port into `port`.
cdef bytes read_host(const sockaddr_storage* address, int* port)
