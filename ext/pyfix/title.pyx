"""What ps(1) and top(1) show of a process: /proc/PID/cmdline and /proc/PID/comm.

Law: proc(5), prctl(2) PR_SET_NAME. A process that was forked without exec still bears its parent's command line. Linux
shows the memory in which execve(2) put the arguments; whoever writes there gives the process another name.
"""

from libc.errno cimport errno
from libc.string cimport memcpy, memset

cdef extern from "sys/prctl.h" nogil:
    int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
    int PR_SET_NAME

cdef enum:
    ARG_START = 45          # fields of /proc/self/stat behind the program's name: 48 and 49 of proc(5)
    ARG_END = 46


cdef tuple arguments_area():
    """(first, end) address of the arguments, (0, 0) where the kernel does not tell."""
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    if len(fields) <= ARG_END:
        return 0, 0
    return int(fields[ARG_START]), int(fields[ARG_END])


def set_command_line(words):
    """Show `words` (bytes) as this process's command line, cut to the room that its own took. Raises OSError.

    Returns the number of bytes there was room for.
    """
    cdef bytes text = b"\0".join(words)
    first, end = arguments_area()
    cdef size_t start = first, room = end - first if end > first else 0, size
    if room < 2:
        return 0
    size = min(<size_t> len(text), room - 1)
    memset(<void*> start, 0, room)
    memcpy(<void*> start, <const char*> text, size)
    return room


def set_name(name):
    """The name in /proc/PID/comm, at most 15 bytes are kept. Raises OSError."""
    cdef bytes text = name
    if prctl(PR_SET_NAME, <unsigned long> <const char*> text, 0, 0, 0) < 0:
        raise OSError(errno, "prctl(PR_SET_NAME) failed")
