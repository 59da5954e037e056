/* Preloaded into OpenSMTPD, so that two of its habits do not flatter the others on loopback.
   listen: it asks for 5 waiting connections, and what a burst brings beyond them waits a second for the kernel's next try.
   connect: it sends a message in pieces without TCP_NODELAY, so that each waits 40 ms for a delayed acknowledgement. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

int listen(int fd, int backlog)
{
    int (*real)(int, int) = (int (*)(int, int)) dlsym(RTLD_NEXT, "listen");

    return real(fd, backlog < 1024 ? 1024 : backlog);
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    int (*real)(int, const struct sockaddr *, socklen_t) =
        (int (*)(int, const struct sockaddr *, socklen_t)) dlsym(RTLD_NEXT, "connect");
    int on = 1;

    if (address->sa_family == AF_INET)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return real(fd, address, length);
}
