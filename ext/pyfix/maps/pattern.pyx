"""One compiled pattern of regexp: or pcre:.

regexp: is the C library's regcomp(3); without back-references it needs no backtracking. pcre:, and regexp: with
back-references, is PCRE2, loaded from the system at run time, with limits on matching and depth.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free

from pyfix.maps.apart cimport GROUPS, regmatch_t, regoff_t
from pyfix.maps.pcre2 cimport CAPTURES, JIT_STACK, NO_JIT, NOMATCH, pcre2, pyfix_pcre2_load

cdef extern from "regex.h" nogil:
    int regexec(const regex_t *, const char *, size_t, regmatch_t *, int)
    size_t regerror(int, const regex_t *, char *, size_t)
    void regfree(regex_t *)
    int REG_EXTENDED, REG_ICASE, REG_NEWLINE, REG_NOSUB

cdef extern from *:
    """
    #include <locale.h>
    /* Postfix's patterns are bytes, whatever the locale of the process. */
    static int pyfix_regcomp(regex_t *pattern, const char *text, int options)
    {
        static locale_t plain = (locale_t) 0;
        locale_t saved;
        int error;
        if (plain == (locale_t) 0)
            plain = newlocale(LC_ALL_MASK, "C", (locale_t) 0);
        saved = uselocale(plain);
        error = regcomp(pattern, text, options);
        uselocale(saved);
        return error;
    }
    """
    int pyfix_regcomp(regex_t *, const char *, int)

cdef enum:
    STEPS = 1200000           # of 10 ns, which one rule may take in this process
    NODE_STEPS = 12           # what the C library takes for a byte, for each part of a pattern, when all is new to it
    MATCH_LIMIT = 400000      # steps of one pattern: some 10 ms; in this process those of all starts together
    LEAST_LIMIT = 200         # but so many for each start
    DEPTH_LIMIT = 20000
    HEAP_LIMIT = 20480        # KiB

#: pcre2 options by the letters of pcre_table(5), and those that are on from the start
PCRE_OPTIONS = {"i": 0x8, "m": 0x400, "s": 0x20, "x": 0x80, "A": 0x80000000, "E": 0x10, "U": 0x40000, "X": 0}
REGEXP_OPTIONS = {"i": REG_ICASE, "m": REG_NEWLINE, "x": REG_EXTENDED}
LIBRARIES = ("libpcre2-8.so.0", "libpcre2-8.so", "libpcre2-8.dylib")

cdef int loaded = -1
cdef void *context = NULL


def pcre_available():
    """Whether PCRE2 could be loaded; tries once."""
    global loaded, context
    if loaded < 0:
        loaded = 0
        for name in LIBRARIES:
            if pyfix_pcre2_load(name.encode()):
                context = pcre2.context_create(NULL)
                pcre2.set_match_limit(context, MATCH_LIMIT)
                pcre2.set_depth_limit(context, DEPTH_LIMIT)
                pcre2.set_heap_limit(context, HEAP_LIMIT)
                loaded = 1
                break
    return loaded == 1


cdef size_t limited = 0


cdef void set_limit(size_t size) noexcept:
    """Let a text of `size` bytes (0: any) take MATCH_LIMIT steps."""
    global limited
    if size != limited and context != NULL:
        limited = size
        pcre2.set_match_limit(context, max(<uint32_t>LEAST_LIMIT, <uint32_t>(MATCH_LIMIT // (size + 1))))


class PatternError(Exception):
    """A pattern that can't be compiled; the text is the library's."""


cdef class Pattern:
    """One compiled pattern. `groups`: how many $numbers it has."""

    def weigh(self, size_t nodes, bytes text not None, bint lines):
        """Note what the pattern `text` of so many parts can cost, for cost(); `lines`: a line can start anywhere."""
        self.nodes = nodes
        self.loops = any(c in text for c in b"*+?{")
        self.fixed = text[:1] == b"^" and b"|" not in text and not lines

    cdef size_t cost(self, size_t size) noexcept nogil:
        """How many steps of about 10 ns a text of `size` bytes can take, at most."""
        cdef size_t reach = size if self.loops else min(size, self.nodes)
        if self.posix == NULL:
            # one start has its limit of steps, but passing over the same characters is not counted
            return size * reach >> 2
        return size * (NODE_STEPS * self.nodes if self.loops else self.nodes) + (0 if self.fixed else size * reach >> 1)

    cdef size_t limit(self) noexcept:
        """How long a text may be that takes STEPS at most."""
        cdef size_t low = 0
        cdef size_t high = STEPS
        while low < high:
            if self.cost((low + high + 1) >> 1) <= STEPS:
                low = (low + high + 1) >> 1
            else:
                high = (low + high + 1) // 2 - 1
        return low

    def __dealloc__(self):
        if self.posix != NULL:
            regfree(self.posix)
            free(self.posix)
        if self.data != NULL:
            pcre2.match_data_free(self.data)
        if self.perl != NULL:
            pcre2.code_free(self.perl)

    cdef void renew(self, size_t epoch) noexcept:
        """Compile a pattern of the C library anew, so that it forgets what it has met; where that fails it stays."""
        cdef regex_t fresh
        self.epoch = epoch
        if self.posix != NULL and pyfix_regcomp(&fresh, self.source, self.options) == 0:
            regfree(self.posix)
            self.posix[0] = fresh

    cdef void compile_jit(self) noexcept nogil:
        """Make machine code, once."""
        self.jit_tried = True
        self.jit = self.perl != NULL and pcre2.jit_compile(self.perl, 1) == 0

    cdef int match(self, const uint8_t *text, size_t size, regmatch_t *spans) noexcept nogil:
        """1 match, 0 none, below 0 an error of PCRE2. `spans` gets up to GROUPS places, or is NULL."""
        cdef int got
        cdef size_t *vector
        cdef int index
        if self.posix != NULL:
            # first without places: that never takes more than one pass
            if regexec(self.posix, <const char *>text, 0, NULL, 0) != 0:
                return 0
            if spans != NULL and self.groups:
                regexec(self.posix, <const char *>text, GROUPS if self.groups + 1 > GROUPS else self.groups + 1,
                        spans, 0)
            return 1
        if self.jit:
            got = pcre2.jit_match(self.perl, text, size, 0, 0, self.data, context)
        else:
            got = pcre2.match(self.perl, text, size, 0, 0, self.data, context)
        if got == JIT_STACK:
            got = pcre2.match(self.perl, text, size, 0, NO_JIT, self.data, context)
        if got < 0:
            return 0 if got == NOMATCH else got
        if spans != NULL:
            vector = pcre2.ovector(self.data)
            for index in range(min(<int>self.groups + 1, <int>GROUPS)):
                spans[index].rm_so = spans[index].rm_eo = -1
            for index in range(min(got, <int>GROUPS)):
                spans[index].rm_so, spans[index].rm_eo = <regoff_t>vector[2 * index], <regoff_t>vector[2 * index + 1]
        return 1


def members(Pattern pattern not None):
    """Of a pattern for one character: which of the 256 it matches, as the bits of 32 bytes."""
    cdef uint8_t text[2]
    cdef int c
    bits = bytearray(32)
    text[1] = 0
    for c in range(256):
        text[0] = <uint8_t>c
        if pattern.match(text, 1, NULL) == 1:
            bits[c >> 3] |= 1 << (c & 7)
    return bytes(bits)


def compile_regexp(bytes pattern not None, int options):
    """A POSIX pattern (regex(7)). PatternError."""
    cdef Pattern made = Pattern()
    cdef regex_t *posix = <regex_t *>calloc(1, sizeof(regex_t))
    cdef char text[256]
    cdef int error
    if posix == NULL:
        raise MemoryError
    error = pyfix_regcomp(posix, pattern, options)
    if error:
        regerror(error, posix, text, sizeof(text))
        free(posix)
        raise PatternError((<bytes>text).decode("utf-8", "replace"))
    made.posix, made.groups = posix, posix.re_nsub
    made.source, made.options = pattern, options
    return made


def compile_pcre(bytes pattern not None, uint32_t options):
    """A PCRE2 pattern. PatternError with its (text, offset)."""
    cdef Pattern made = Pattern()
    cdef int error = 0
    cdef size_t offset = 0
    cdef uint32_t groups = 0
    cdef uint8_t text[256]
    made.perl = pcre2.compile(<const uint8_t *>PyBytes_AS_STRING(pattern), PyBytes_GET_SIZE(pattern), options,
                              &error, &offset, NULL)
    if made.perl == NULL:
        pcre2.message(error, text, sizeof(text))
        raise PatternError((<const char *>text).decode("utf-8", "replace"), offset)
    pcre2.info(made.perl, CAPTURES, &groups)
    made.groups = groups
    made.data = pcre2.match_data_create(groups + 1 if groups + 1 < GROUPS else GROUPS, NULL)
    if made.data == NULL:
        raise MemoryError
    return made
