from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef enum:
    WORD_SIZE = 32            # of a longer word this much is looked for
    CROWD = 16                # words that may share one window

cdef struct Word:
    uint8_t text[WORD_SIZE]
    uint8_t size
    uint8_t offset            # of the window in the word
    uint32_t next             # in the chain of its window, one more than the number; 0 ends it
    uint32_t seen             # the last scan that found it

cdef class WordSet:
    cdef Word *words
    cdef size_t room
    cdef readonly size_t count
    cdef uint32_t *heads
    cdef uint64_t *filter
    cdef uint32_t mask
    cdef uint32_t scans
    cdef uint32_t widths
    cdef readonly list places
    cdef int scan(self, const uint8_t *text, size_t size, uint32_t *found) noexcept nogil
    cdef uint32_t _crowd(self, uint32_t head) noexcept nogil
    cdef bint _add(self, bytes word) except -1
    cdef void _forget(self) noexcept nogil
    cdef int _walk(self, const uint8_t *text, size_t size, uint32_t *found) noexcept nogil
    cdef bint _here(self, Word *word, const uint8_t *text, size_t size, size_t at) noexcept nogil
