"""Socket addresses between Python values and C structures.

Numeric addresses only (inet_pton(3)): names are the resolver's business. IPv4-mapped
IPv6 addresses are read back as IPv4, so that access lists see one form.
"""

from libc.string cimport memcmp, memcpy, memset, strlen

cdef extern from "<netinet/in.h>" nogil:
    cdef struct in_addr:
        unsigned int s_addr
    cdef struct in6_addr:
        unsigned char s6_addr[16]
    cdef struct sockaddr_in:
        sa_family_t sin_family
        unsigned short sin_port
        in_addr sin_addr
    cdef struct sockaddr_in6:
        sa_family_t sin6_family
        unsigned short sin6_port
        in6_addr sin6_addr
    unsigned short htons(unsigned short)
    unsigned short ntohs(unsigned short)

cdef extern from "<sys/un.h>" nogil:
    cdef struct sockaddr_un:
        sa_family_t sun_family
        char sun_path[108]

cdef extern from "<sys/socket.h>" nogil:
    enum:
        AF_INET
        AF_INET6
        AF_UNIX

cdef extern from "<arpa/inet.h>" nogil:
    int inet_pton(int family, const char* text, void* out)
    const char* inet_ntop(int family, const void* address, char* out, socklen_t size)

cdef const char* MAPPED = b"\0\0\0\0\0\0\0\0\0\0\xff\xff"


cdef socklen_t fill(sockaddr_storage* out, int family, str host, int port) except 0:
    """Fills `out` for AF_INET, AF_INET6 (numeric host) or AF_UNIX (a path)."""
    cdef bytes raw = host.encode("utf-8", "surrogateescape")
    cdef sockaddr_un* local
    memset(out, 0, sizeof(sockaddr_storage))
    if family == AF_UNIX:
        local = <sockaddr_un*> out
        if not 0 < len(raw) < 108 or b"\0" in raw:
            raise ValueError(f"{host}: not a usable socket path")
        local.sun_family = <sa_family_t> family
        memcpy(local.sun_path, <const char*> raw, len(raw))
        return <socklen_t> sizeof(sockaddr_un)
    if not 0 <= port <= 65535:
        raise ValueError(f"{port}: not a port number")
    if family == AF_INET and inet_pton(AF_INET, raw, &(<sockaddr_in*> out).sin_addr) == 1:
        (<sockaddr_in*> out).sin_family = <sa_family_t> family
        (<sockaddr_in*> out).sin_port = htons(<unsigned short> port)
        return <socklen_t> sizeof(sockaddr_in)
    if family == AF_INET6 and inet_pton(AF_INET6, raw, &(<sockaddr_in6*> out).sin6_addr) == 1:
        (<sockaddr_in6*> out).sin6_family = <sa_family_t> family
        (<sockaddr_in6*> out).sin6_port = htons(<unsigned short> port)
        return <socklen_t> sizeof(sockaddr_in6)
    raise ValueError(f"{host}: not a numeric address")


cdef tuple read(const sockaddr_storage* address):
    """(host, port); an AF_UNIX peer reads as ("", 0)."""
    cdef int port
    cdef bytes host = read_host(address, &port)
    return host.decode("ascii"), port


cdef bytes read_host(const sockaddr_storage* address, int* port):
    """The host, and its port into `port`; an AF_UNIX peer reads as b"" and 0."""
    cdef char[64] text
    cdef const sockaddr_in* four = <const sockaddr_in*> address
    cdef const sockaddr_in6* six = <const sockaddr_in6*> address
    port[0] = 0
    if address.ss_family == AF_INET:
        port[0] = ntohs(four.sin_port)
        inet_ntop(AF_INET, &four.sin_addr, text, sizeof(text))
    elif address.ss_family == AF_INET6:
        port[0] = ntohs(six.sin6_port)
        if memcmp(six.sin6_addr.s6_addr, MAPPED, 12) == 0:
            inet_ntop(AF_INET, &six.sin6_addr.s6_addr[12], text, sizeof(text))
        else:
            inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof(text))
    else:
        return b""
    return text[:strlen(text)]
