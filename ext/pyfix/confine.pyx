"""What a process gives up before it reads a byte from anyone.

Law: prctl(2), capset(2), capabilities(7). Each function fails loudly: a process that
could not give something up must not go on.
"""

from libc.errno cimport errno

cdef extern from "sys/prctl.h" nogil:
    int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
    int PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_SET_DUMPABLE, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL
    int PR_SET_CHILD_SUBREAPER

cdef extern from *:
    """
    #include <linux/capability.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    static int pyfix_capset_none(void)
    {
        struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
        struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};
        return (int) syscall(SYS_capset, &head, data);
    }
    """
    int pyfix_capset_none() nogil


cdef int check(int result, what) except -1:
    if result < 0:
        raise OSError(errno, f"{what} failed")
    return 0


def no_new_privileges():
    """No exec of this process or its children gains anything from now on (PR_SET_NO_NEW_PRIVS). Raises OSError."""
    check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)")


def has_no_new_privileges():
    """True after `no_new_privileges`, here or in a parent."""
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1


def drop_capabilities():
    """Give up all capabilities: permitted, effective, inheritable, ambient. Raises OSError."""
    check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "prctl(PR_CAP_AMBIENT)")
    check(pyfix_capset_none(), "capset")


def not_dumpable():
    """No core file and no ptrace by the same user (PR_SET_DUMPABLE 0). Raises OSError."""
    check(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl(PR_SET_DUMPABLE)")


def adopt_orphans():
    """Descendants whose parent ends become our children (PR_SET_CHILD_SUBREAPER). Raises OSError."""
    check(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl(PR_SET_CHILD_SUBREAPER)")
