# Address rewriting; see rewrite.pyx.

cdef enum RewriteStep:
    REWRITE_NONE = 0            # the address stays as it is
    REWRITE_ORIGIN = 1          # append "@" and the origin
    REWRITE_DOMAIN = 2          # append "." and the domain
    REWRITE_DOT = 3             # drop the trailing dot
    REWRITE_ODD = 4             # quotes, routes, brackets, "!" or "%": through the token list

cdef class AddressTree:
    cdef public list tokens
    cdef public bint glued

cdef class RewriteRules:
    cdef readonly bytes origin, domain
    cdef readonly bint swap_bangpath, allow_percent_hack, append_at_myorigin, append_dot_mydomain
    cdef bytes _origin_suffix, _domain_suffix
    cdef int step(self, const char* p, size_t n) noexcept nogil
    cdef list _add_origin(self, list t, AddressTree tree)
    cdef list _add_domain(self, list t)
    cpdef bytes rewrite(self, bytes address)
    cpdef bytes rewrite_external(self, bytes address)
