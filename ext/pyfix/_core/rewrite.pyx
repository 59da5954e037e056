# cython: boundscheck=False, wraparound=True
"""Rewriting an address to its canonical form, and masquerading.

Law: in this order, each at most once: the null address stays; a lone "@" is null;
a source route goes; without "@": site!user becomes user@site, or user%domain
becomes user@domain, or "@origin" is appended; a domain without dot gets ".domain"; one
trailing dot goes. An ordinary address is judged in one scan and costs no token list.

Source: postconf(5) append_at_myorigin, append_dot_mydomain, swap_bangpath,
allow_percent_hack, remote_header_rewrite_domain, masquerade_domains; trivial-rewrite(8).
"""

from libc.string cimport memchr

from pyfix._core.quote cimport is_plain
from pyfix._core.tok822 cimport DOMLIT, QSTRING

from pyfix._core.quote import quote, unquote
from pyfix._core.tok822 import internalize, scan

cdef enum Operator:
    AT = 64
    BANG = 33
    COLON = 58
    DOT = 46
    PERCENT = 37

cdef tuple AT_TOKEN = (<int> AT, b"@"), DOT_TOKEN = (<int> DOT, b"."), NULL_TOKEN = (<int> QSTRING, b"")


cdef class AddressTree:
    """One address as a token list that rewriting and resolving cut and join."""

    def __init__(self, list tokens not None, bint glued=False):
        self.tokens, self.glued = tokens, glued

    @classmethod
    def of_external(cls, bytes address not None):
        """The tree of an address in external form; the null address for blank text."""
        return cls(scan(address) or [NULL_TOKEN])

    def find(self, int kind):
        """Index of the first token of that kind, -1 if there is none."""
        return first_of(self.tokens, kind, 0)

    def rfind(self, int kind):
        """Index of the last token of that kind, -1 if there is none."""
        return last_of(self.tokens, kind)

    def internal(self, Py_ssize_t start=0):
        """Internal form of the tokens from `start` on."""
        return internalize(self.tokens[start:] if start else self.tokens, self.glued)

    def external(self):
        """External form: the local part quoted where it needs it."""
        return quote(internalize(self.tokens, self.glued))


cdef Py_ssize_t first_of(list tokens, int kind, Py_ssize_t start):
    cdef Py_ssize_t i
    for i in range(start, len(tokens)):
        if tokens[i][0] == kind:
            return i
    return -1


cdef Py_ssize_t last_of(list tokens, int kind):
    cdef Py_ssize_t i = len(tokens) - 1
    while i >= 0 and tokens[i][0] != kind:
        i -= 1
    return i


cdef class RewriteRules:
    """One rewriting context: local ($myorigin, $mydomain) or remote ($remote_header_rewrite_domain for both)."""

    def __init__(self, bytes origin not None, bytes domain not None, bint swap_bangpath=True,
                 bint allow_percent_hack=True, bint append_at_myorigin=True, bint append_dot_mydomain=False):
        self.origin, self.domain = origin, domain
        self.swap_bangpath, self.allow_percent_hack = swap_bangpath, allow_percent_hack
        self.append_at_myorigin, self.append_dot_mydomain = append_at_myorigin, append_dot_mydomain
        self._origin_suffix = unquote(self.rewrite_external(b"x"))[1:]
        self._domain_suffix = unquote(self.rewrite_external(b"x@y"))[3:]

    cdef int step(self, const char* p, size_t n) noexcept nogil:
        """What rewriting does to internal address `p`: a RewriteStep."""
        cdef size_t i, at = 0, marks = 0
        cdef bint dotted = False, routed = False
        cdef unsigned char c
        for i in range(n):
            c = p[i]
            if not is_plain(c):
                return REWRITE_ODD
            if c == b"@":
                marks += 1
                at = i
                dotted = False
            elif c == b".":
                dotted = True
            elif c == b"!":
                routed = routed or self.swap_bangpath
            elif c == b"%":
                routed = routed or self.allow_percent_hack
        if marks == 0:
            return REWRITE_NONE if n == 0 else REWRITE_ODD if routed else REWRITE_ORIGIN
        if marks > 1 or at == 0 or at == n - 1:
            return REWRITE_ODD
        if not dotted:
            return REWRITE_DOMAIN
        if p[n - 1] == b"." and p[n - 2] != b"." and p[n - 2] != b"@":
            return REWRITE_DOT
        return REWRITE_NONE

    cpdef bytes rewrite(self, bytes address):
        """The canonical form of an internal address, in internal form."""
        cdef int step = self.step(address, len(address))
        if step == REWRITE_NONE:
            return address
        if step == REWRITE_ORIGIN:
            return address + self._origin_suffix
        if step == REWRITE_DOMAIN:
            return address + self._domain_suffix
        if step == REWRITE_DOT:
            return address[:len(address) - 1]
        return unquote(self.rewrite_external(quote(address)))

    cpdef bytes rewrite_external(self, bytes address):
        """The canonical form of an external address, in external form."""
        tree = AddressTree.of_external(address)
        self.rewrite_tree(tree)
        return tree.external()

    def rewrite_tree(self, AddressTree tree not None):
        """Rewrites the tree of one address in place."""
        cdef list t = tree.tokens
        if len(t) == 1 and (t[0] == NULL_TOKEN or t[0][0] == AT):
            tree.tokens = [NULL_TOKEN]
            return
        t = self._add_domain(self._add_origin(strip_route(t), tree))
        if len(t) > 1 and t[-1][0] == DOT and t[-2][0] != DOT and t[-2][0] != AT:
            t = t[:-1]
        tree.tokens = t

    cdef list _add_origin(self, list t, AddressTree tree):
        """Forms without "@"."""
        cdef Py_ssize_t i
        if last_of(t, AT) >= 0:
            return t
        i = first_of(t, BANG, 0) if self.swap_bangpath else -1
        if i >= 0:
            tree.glued = tree.glued or i == 0
            return t[i + 1:] + [AT_TOKEN] + t[:i]
        i = last_of(t, PERCENT) if self.allow_percent_hack else -1
        if i >= 0:
            return t[:i] + [AT_TOKEN] + t[i + 1:]
        if self.append_at_myorigin and self.origin:
            return t + [AT_TOKEN] + scan(self.origin)
        return t

    cdef list _add_domain(self, list t):
        """A domain of one word; a broken form that ends in "@" and a domain literal are left alone."""
        cdef Py_ssize_t at
        if not self.append_dot_mydomain or not self.domain:
            return t
        at = last_of(t, AT)
        if at < 0 or at == len(t) - 1 or first_of(t, DOMLIT, at) >= 0 or first_of(t, DOT, at) >= 0:
            return t
        return t + [DOT_TOKEN] + scan(self.domain)


cdef list strip_route(list t):
    cdef Py_ssize_t colon = first_of(t, COLON, 0) if t[0][0] == AT else -1
    return t[colon + 1:] if 0 < colon < len(t) - 1 else t


def masquerade(bytes address not None, tuple domains not None):
    """The address with a subdomain of one of `domains` cut down to it; as it was if none applies."""
    cdef bytes domain, pattern, name
    cdef Py_ssize_t at = address.rfind(b"@")
    if at < 0 or not domains:
        return address
    domain = address[at + 1:].lower()
    for pattern in domains:
        name = pattern.lstrip(b"!")
        if domain == name:
            return address
        if domain.endswith(name) and domain[len(domain) - len(name) - 1] == DOT:
            return address if (len(pattern) - len(name)) % 2 else address[:at + 1] + name
    return address
