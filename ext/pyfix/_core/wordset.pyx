"""Which of many words occur in a text: one pass, whatever their number. ASCII case does not count.

Each word is looked for by a window of up to four of its bytes, the one that the fewest other words use; a bitmap of
all windows passes over nearly every place of the text, a chain of at most CROWD words is compared at the others.
So a text costs a bounded time a byte, however text and words were chosen. Bytes in, values out.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memset

cdef enum:
    FILTER_BITS = 65536
    SHORT = 2048              # texts up to here are folded on the stack

cdef inline uint32_t spread(uint32_t window, uint32_t width) noexcept nogil:
    """32 well mixed bits of a window and its width."""
    cdef uint32_t h = (window + width) * <uint32_t>2654435769
    h ^= h >> 15
    return h * <uint32_t>2246822519


cdef inline uint32_t load_window(const uint8_t *at, uint32_t width) noexcept nogil:
    cdef uint32_t window = 0
    memcpy(&window, at, width)
    return window


cdef void fold(const uint8_t *source, size_t size, uint8_t *target) noexcept nogil:
    cdef size_t at
    cdef uint8_t c
    for at in range(size):
        c = source[at]
        target[at] = c | ((<uint8_t>(c - 65) < 26) << 5)


cdef class WordSet:
    """`WordSet(words)`: distinct words in lower case, none of them empty. `places[n]` is False where words[n] could
    not be taken in, because too many others look like it; such a word is never found."""

    def __cinit__(self, list words not None):
        cdef size_t heads = 64
        self.room = len(words)
        while heads < self.room * 2:
            heads *= 2
        self.mask = <uint32_t>(heads - 1)
        self.words = <Word *>calloc(self.room + 1, sizeof(Word))
        self.heads = <uint32_t *>calloc(heads, sizeof(uint32_t))
        self.filter = <uint64_t *>calloc(FILTER_BITS // 64, sizeof(uint64_t))
        if self.words == NULL or self.heads == NULL or self.filter == NULL:
            raise MemoryError

    def __init__(self, list words not None):
        self.places = [self._add(word) for word in words]

    def __dealloc__(self):
        free(self.words)
        free(self.heads)
        free(self.filter)

    cdef uint32_t _crowd(self, uint32_t head) noexcept nogil:
        """How many words are in a chain."""
        cdef uint32_t at = self.heads[head]
        cdef uint32_t count = 0
        while at:
            count += 1
            at = self.words[at - 1].next
        return count

    cdef bint _add(self, bytes word) except -1:
        """Take a word in, by its least used window; False where even that one is crowded."""
        cdef Word *row = self.words + self.count
        cdef uint32_t width, offset, hashed, crowd, chosen = 0
        cdef uint32_t least = CROWD
        self.count += 1
        row.size = <uint8_t>min(PyBytes_GET_SIZE(word), <Py_ssize_t>WORD_SIZE)
        fold(<const uint8_t *>PyBytes_AS_STRING(word), row.size, row.text)
        width = min(<uint32_t>row.size, <uint32_t>4)
        for offset in range(row.size - width + 1):
            hashed = spread(load_window(row.text + offset, width), width)
            crowd = self._crowd(hashed & self.mask)
            if crowd < least:
                least, chosen = crowd, hashed
                row.offset = <uint8_t>offset
        if least == CROWD:
            return False
        row.next, self.heads[chosen & self.mask] = self.heads[chosen & self.mask], <uint32_t>self.count
        self.filter[(chosen >> 16) >> 6] |= <uint64_t>1 << ((chosen >> 16) & 63)
        self.widths |= <uint32_t>1 << width
        return True

    cdef int scan(self, const uint8_t *text, size_t size, uint32_t *found) noexcept nogil:
        """Numbers of the words that occur go to `found` (room for all); returns how many, or -1 without memory."""
        cdef uint8_t small[SHORT + 4]
        cdef uint8_t *folded = small
        cdef int count
        if size > SHORT:
            folded = <uint8_t *>malloc(size + 4)
            if folded == NULL:
                return -1
        fold(text, size, folded)
        memset(folded + size, 0, 4)
        self.scans += 1
        if self.scans == 0:
            self._forget()
        count = self._walk(folded, size, found)
        if folded != small:
            free(folded)
        return count

    cdef void _forget(self) noexcept nogil:
        """The number of scans came round: no word was seen yet."""
        cdef size_t index
        for index in range(self.count):
            self.words[index].seen = 0
        self.scans = 1

    cdef int _walk(self, const uint8_t *text, size_t size, uint32_t *found) noexcept nogil:
        cdef size_t at
        cdef uint32_t width, window, hashed, number
        cdef int count = 0
        for at in range(size):
            window = load_window(text + at, 4)
            for width in range(1, 5):
                if not self.widths >> width & 1:
                    continue
                hashed = spread(window & (<uint32_t>0xffffffff >> (32 - 8 * width)), width)
                if not self.filter[(hashed >> 16) >> 6] >> ((hashed >> 16) & 63) & 1:
                    continue
                number = self.heads[hashed & self.mask]
                while number:
                    if self._here(&self.words[number - 1], text, size, at):
                        found[count] = number - 1
                        count += 1
                    number = self.words[number - 1].next
        return count

    cdef bint _here(self, Word *word, const uint8_t *text, size_t size, size_t at) noexcept nogil:
        """Does `word`, not seen in this scan, stand so that its window is at `at`? Then it is seen now."""
        if word.seen == self.scans or at < word.offset or word.size > size - (at - word.offset):
            return False
        if memcmp(text + at - word.offset, word.text, word.size) != 0:
            return False
        word.seen = self.scans
        return True

    def find(self, bytes text not None):
        """The numbers of the words that occur in `text`, sorted."""
        cdef uint32_t *found = <uint32_t *>malloc((self.count + 1) * sizeof(uint32_t))
        cdef int count, index
        if found == NULL:
            raise MemoryError
        try:
            count = self.scan(<const uint8_t *>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text), found)
            if count < 0:
                raise MemoryError
            return sorted([found[index] for index in range(count)])
        finally:
            free(found)
