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
    int memcmp(const void* a, const void* b, size_t n)

cdef enum:
    MOST_ROUTES = 10000
    LOOK_MS = 1000              # between two looks at the tables
cdef object DEFAULT = DEFAULT_CLASS


cdef class Cache:
    """The cache of a Resolver, which fills it, defines default_route(domain) and says in `kind` what a Resolution is."""

    def __cinit__(self, *args, **kwargs):
        self._watched, self._cache, self._routes, self._generation = [], {}, {}, 0

    cdef tuple short(self, bytes address, bytes sender):
        """What look() knows, without making a Resolution: (transport, nexthop, recipient, flags); recipient None: the address itself."""
        if self._watched and coarse_ms() - self._checked > LOOK_MS:
            self._refresh()
        found = self._cache.get((address, sender) if self._by_sender else address)
        return self.place(address) if found is None and self._by_domain else <tuple> found

    cdef object look(self, bytes address, bytes sender):
        """The Resolution of an address, or None."""
        cdef tuple known = self.short(address, sender)
        if known is None or known[2] is not None:
            return known
        return tuple.__new__(self.kind, (known[0], known[1], address, known[3]))

    cdef tuple place(self, bytes address):
        """Where a plain address goes by its domain alone: (transport, nexthop, None, flags), or None."""
        cdef const char* p = PyBytes_AS_STRING(address)
        cdef const char* at
        cdef size_t n = PyBytes_GET_SIZE(address)
        if not is_plain_address(p, n) or not is_simple(address) or p[0] == b"-":
            return None
        at = <const char*> memrchr(p, b"@", n) + 1
        n -= at - p
        # the recipients of a list are mostly neighbours
        if self._last is None or PyBytes_GET_SIZE(self._last) != <Py_ssize_t> n or memcmp(PyBytes_AS_STRING(self._last), at, n):
            self.enter(at[:n])
        return self._last_place

    cdef int enter(self, bytes domain) except -1:
        """Make a domain the last one: from the table, or by asking."""
        cdef object place = self._routes.get(domain)
        if place is None:
            place = self.default_route(domain)
            place = (place[0], place[1], None, DEFAULT) if place else ()
            if len(self._routes) >= MOST_ROUTES:
                self._routes.clear()
            self._routes[domain] = place
        self._last, self._last_place = domain, <tuple> place or None
        return 0

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
            self._last = None
