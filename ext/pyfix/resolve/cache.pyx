"""What the resolver said before and what still holds: asked twice for each recipient.

Law: an answer holds until a table it depends on changes; the tables are looked at once a second. Where no table could tell
two recipients in one domain of class default apart, the answer is the domain's: a list of a million users
in a thousand domains costs a thousand resolutions.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from pyfix._core.chars cimport is_plain_address
from pyfix._core.quote cimport is_simple
from pyfix.clock cimport coarse_ms

from pyfix.resolve.domains import DEFAULT as DEFAULT_CLASS

cdef extern from "<string.h>" nogil:
    const void* memrchr(const void* s, int c, size_t n)

cdef enum:
    MOST_ROUTES = 10000
    LOOK_MS = 1000              # between two looks at the tables
cdef object DEFAULT = DEFAULT_CLASS


cdef class Cache:
    """The cache of a Resolver, which fills it, defines default_route(domain) and says in `kind` what a Resolution is."""

    def __cinit__(self, *args, **kwargs):
        self._watched, self._cache, self._routes, self._generation = [], {}, {}, 0

    cdef object look(self, bytes address, bytes sender):
        """The Resolution of an address, or None."""
        if self._watched and coarse_ms() - self._checked > LOOK_MS:
            self._refresh()
        found = self._cache.get((address, sender) if self._by_sender else address)
        return self.route(address) if found is None and self._by_domain else found

    cdef object route(self, bytes address):
        """The Resolution of a plain address by its domain alone, or None."""
        cdef const char* p = PyBytes_AS_STRING(address)
        cdef const char* at
        cdef size_t n = PyBytes_GET_SIZE(address)
        cdef bytes domain
        cdef tuple place
        if not is_plain_address(p, n) or not is_simple(address) or p[0] == b"-":
            return None
        at = <const char*> memrchr(p, b"@", n) + 1
        domain = at[:p + n - at]
        place = <tuple> self._routes.get(domain)
        if place is None:
            place = self.default_route(domain) or ()
            if len(self._routes) >= MOST_ROUTES:
                self._routes.clear()
            self._routes[domain] = place
        return tuple.__new__(self.kind, (place[0], place[1], address, DEFAULT)) if place else None

    def cached(self, bytes address not None, bytes sender not None=b""):
        """What resolve() gave before for this address, if it still holds: the way that costs next to nothing."""
        return self.look(address, sender)

    def _refresh(self):
        """Forgets all answers where a table has changed."""
        self._checked = coarse_ms()
        generation = sum([table.generation for table in self._watched])
        if generation != self._generation:
            self._generation = generation
            self._cache.clear()
            self._routes.clear()
