"""What the resolver said before and what still holds: asked twice for each recipient.

Law: an answer holds until a table it depends on changes; the tables are looked at once a second.
"""

cdef extern from "<time.h>" nogil:
    cdef struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int, timespec*)
    int CLOCK_MONOTONIC_COARSE


cdef double monotonic() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now)
    return now.tv_sec + now.tv_nsec / 1e9


cdef class Cache:
    """The cache of a Resolver, which fills it."""

    def __cinit__(self, *args, **kwargs):
        self._watched, self._cache, self._generation = [], {}, 0

    cdef object look(self, bytes address, bytes sender):
        """The Resolution of an address, or None."""
        if self._watched and monotonic() - self._checked > 1:
            self._refresh()
        return self._cache.get((address, sender) if self._by_sender else address)

    def cached(self, bytes address not None, bytes sender not None=b""):
        """What resolve() gave before for this address, if it still holds: the way that costs next to nothing."""
        return self.look(address, sender)

    def _refresh(self):
        """Forgets all answers where a table has changed."""
        self._checked = monotonic()
        generation = sum([table.generation for table in self._watched])
        if generation != self._generation:
            self._generation = generation
            self._cache.clear()
