"""The system's clocks, read with or without the interpreter's lock (clock_gettime(2)).

Wall time is what envelopes and log lines carry, in microseconds since the epoch as pyfix.model says. What is only
measured, or waited for, takes the monotonic clock, which no administrator sets back. The coarse one moves once
per tick of the kernel and costs a third: for what is looked at again and again and may be late by 4 ms.
"""

from libc.stdint cimport int64_t
from posix.time cimport CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE, CLOCK_REALTIME, clock_gettime, timespec
from posix.types cimport clockid_t


cdef inline int64_t nanoseconds(clockid_t clock) noexcept nogil:
    cdef timespec now
    clock_gettime(clock, &now)
    return <int64_t>now.tv_sec * 1000000000 + now.tv_nsec


cdef inline int64_t wall_us() noexcept nogil:
    return nanoseconds(CLOCK_REALTIME) // 1000


cdef inline int64_t monotonic_us() noexcept nogil:
    return nanoseconds(CLOCK_MONOTONIC) // 1000


cdef inline int64_t coarse_ms() noexcept nogil:
    return nanoseconds(CLOCK_MONOTONIC_COARSE) // 1000000
