"""How many instructions this thread has executed in user space, from the processor's own counter.

Law: perf_event_open(2), PERF_COUNT_HW_INSTRUCTIONS with the kernel left out; kernel.perf_event_paranoid must be 2 or less.
Where there is no such counter (most virtual machines of CI services) bench.gate.callgrind counts instead.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

SYSCALLS = {"x86_64": 298, "aarch64": 241}
ATTRIBUTE_SIZE = 128
HARDWARE, INSTRUCTIONS = 0, 1
EXCLUDE_KERNEL, EXCLUDE_HYPERVISOR = 1 << 5, 1 << 6


class Counter:
    """A running counter of the calling thread. OSError where the machine has none."""

    def __init__(self) -> None:
        number = SYSCALLS.get(platform.machine())
        if number is None:
            raise OSError(f"no perf_event_open known for {platform.machine()}")
        attribute = bytearray(ATTRIBUTE_SIZE)
        struct.pack_into("=IIQ", attribute, 0, HARDWARE, ATTRIBUTE_SIZE, INSTRUCTIONS)
        struct.pack_into("=Q", attribute, 40, EXCLUDE_KERNEL | EXCLUDE_HYPERVISOR)
        libc = ctypes.CDLL(None, use_errno=True)
        buffer = (ctypes.c_char * ATTRIBUTE_SIZE).from_buffer(attribute)
        self.fd = libc.syscall(number, buffer, 0, -1, -1, 0)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "perf_event_open: no instruction counter here")

    def read(self) -> int:
        """Instructions so far."""
        return int.from_bytes(os.read(self.fd, 8), "little")

    def close(self) -> None:
        """Let go of it."""
        os.close(self.fd)


def available() -> bool:
    """Whether this machine counts for us."""
    try:
        Counter().close()
    except OSError:
        return False
    return True
