"""Makes table images (`hashmap` describes them): one pass over a postmap source, or entry by entry.

Source syntax (postmap(1)): "key white value"; a line that starts with white space continues the one before; empty
lines and lines that start with "#" are passed over wherever they stand; white space in double quotes belongs to the
key, a backslash takes the next character along; key and quotes are kept as written. Bytes in, values out.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memchr, memcmp, memcpy, memset

import os

from pyfix._core.hashmap cimport HEADER, crc32, fold_ascii, has_high, load32, load64, siphash13, valid_utf8, white

cdef extern from *:
    """
    #define pyfix_prefetch(p) __builtin_prefetch(p)
    """
    void pyfix_prefetch(const void *p) noexcept nogil

cdef extern from "Python.h":
    int PyByteArray_Resize(object array, Py_ssize_t size) except -1

cdef enum:
    SORTED = 1
    RECORD_FOLD = 1          # a key that Unicode must fold
    EVENT_LEADING = 0        # a continuation line with nothing before it
    EVENT_UTF8 = 1
    EVENT_QUOTE = 2
    EVENT_FORMAT = 3
    EVENT_COLON = 4

cdef struct Record:
    uint64_t hash
    uint64_t offset       # of the entry in the arena
    uint32_t line
    uint32_t flags

cdef struct Event:
    uint64_t record       # how many records stood before it
    uint64_t offset       # of the text in the notes
    uint32_t size
    uint32_t line
    uint32_t kind

cdef struct Area:
    uint8_t *data
    size_t used
    size_t room

cdef struct Source:
    const uint8_t *data
    size_t size
    size_t at
    uint32_t line

cdef struct Line:
    const uint8_t *text
    size_t size
    uint32_t number


cdef bint reserve(Area *area, size_t more) noexcept nogil:
    """Make room for `more` bytes; False when memory is out."""
    cdef size_t room
    cdef void *moved
    if area.room - area.used >= more:
        return True
    room = area.room * 2 if area.room else 65536
    while room - area.used < more:
        room *= 2
    moved = realloc(area.data, room)
    if moved == NULL:
        return False
    area.data, area.room = <uint8_t *>moved, room
    return True


cdef bint append(Area *area, const void *data, size_t size) noexcept nogil:
    if not reserve(area, size):
        return False
    memcpy(area.data + area.used, data, size)
    area.used += size
    return True


cdef size_t skip_white(const uint8_t *data, size_t at, size_t end) noexcept nogil:
    while at < end and white(data[at]):
        at += 1
    return at


cdef int next_line(Source *source, Area *joined, Line *line) noexcept nogil:
    """The next logical line; 1, 0 at the end, -1 when memory is out. `joined` holds lines that were continued."""
    cdef size_t start, end, first
    cdef const uint8_t *stop
    cdef uint8_t c
    cdef bint some = False
    joined.used = 0
    while source.at < source.size:
        start = source.at
        stop = <const uint8_t *>memchr(source.data + start, 10, source.size - start)
        end = source.size if stop == NULL else <size_t>(stop - source.data)
        source.at = end if stop == NULL else end + 1
        source.line += 1
        first = skip_white(source.data, start, end)
        if first < end and source.data[first] != 35:
            if not some:
                line.text, line.size, line.number = source.data + start, end - start, source.line
                some = True
            else:
                if joined.used == 0 and not append(joined, line.text, line.size):
                    return -1
                if not append(joined, source.data + start, end - start):
                    return -1
        if some and source.at < source.size:
            c = source.data[source.at]
            if c != 35 and not white(c):
                break
    if joined.used:
        line.text, line.size = joined.data, joined.used
    return some


cdef size_t key_end(const uint8_t *text, size_t size, bint *open) noexcept nogil:
    """Where the key ends: at white space outside quotes; a backslash takes the next character along."""
    cdef size_t at = 0
    cdef bint quoted = False
    cdef uint8_t c
    while at < size:
        c = text[at]
        if c == 92:
            at += 1
            if at >= size:
                break
        elif c == 34:
            quoted = not quoted
        elif not quoted and white(c):
            break
        at += 1
    open[0] = quoted
    return at if at < size else size


cdef inline uint64_t low48(uint64_t slot) noexcept nogil:
    return (slot << 16) >> 16


cdef struct Order:
    const uint8_t *key
    uint32_t klen
    uint32_t index


cdef int compare_order(const void *left, const void *right) noexcept nogil:
    cdef const Order *a = <const Order *>left
    cdef const Order *b = <const Order *>right
    cdef size_t shorter = a.klen if a.klen < b.klen else b.klen
    cdef int way = memcmp(a.key, b.key, shorter)
    if way:
        return way
    if a.klen != b.klen:
        return -1 if a.klen < b.klen else 1
    return 0


EVENTS = ("leading", "utf8", "quote", "format", "colon")


cdef class Builder:
    """Collects entries, then makes an image of them.

    `fold`: keys are folded (ASCII here; others by `casefold`, bytes -> bytes); `utf8`: lines must be UTF-8.
    """

    cdef Area arena
    cdef Area records
    cdef Area flaws
    cdef Area notes
    cdef uint64_t k0
    cdef uint64_t k1
    cdef bint fold
    cdef bint utf8
    cdef bint unfolded
    cdef object casefold

    def __cinit__(self, bint fold=False, bint utf8=False, casefold=bytes.lower, bytes seed=None):
        cdef bytes key = os.urandom(16) if seed is None else seed
        if len(key) != 16:
            raise ValueError("a seed is 16 bytes")
        self.fold, self.utf8, self.casefold = fold, utf8, casefold
        self.k0 = load64(<const uint8_t *>PyBytes_AS_STRING(key))
        self.k1 = load64(<const uint8_t *>PyBytes_AS_STRING(key) + 8)

    def __dealloc__(self):
        free(self.arena.data)
        free(self.records.data)
        free(self.flaws.data)
        free(self.notes.data)

    def __len__(self):
        return self.records.used // sizeof(Record)

    cdef bint _put(self, const uint8_t *key, size_t klen, const uint8_t *value, size_t vlen, uint32_t line,
                   bint fold) noexcept nogil:
        """Append an entry and its record. Unicode keys are marked, to be folded later."""
        cdef Record record
        cdef uint8_t *entry
        cdef uint32_t size
        if klen >> 32 or vlen >> 32 or not reserve(&self.arena, 8 + klen + vlen):
            return False
        entry = self.arena.data + self.arena.used
        size = <uint32_t>klen
        memcpy(entry, &size, 4)
        size = <uint32_t>vlen
        memcpy(entry + 4, &size, 4)
        record.flags = 0
        if fold:
            if fold_ascii(key, klen, entry + 8) and self.utf8:
                record.flags = RECORD_FOLD
                self.unfolded = True
        else:
            memcpy(entry + 8, key, klen)
        memcpy(entry + 8 + klen, value, vlen)
        record.hash = siphash13(self.k0, self.k1, entry + 8, klen)
        record.offset = self.arena.used
        record.line = line
        self.arena.used += 8 + klen + vlen
        return append(&self.records, &record, sizeof(Record))

    cdef bint _note(self, uint32_t kind, const Line *line) noexcept nogil:
        """Keep what is wrong with a line."""
        cdef Event event
        event.record = self.records.used // sizeof(Record)
        event.offset, event.size = self.notes.used, <uint32_t>line.size
        event.line, event.kind = line.number, kind
        return append(&self.notes, line.text, line.size) and append(&self.flaws, &event, sizeof(Event))

    cdef bint _line(self, const Line *line) noexcept nogil:
        """One logical line: an entry, or a note of what is wrong with it."""
        cdef const uint8_t *text = line.text
        cdef size_t size = line.size
        cdef size_t klen, start
        cdef bint open = False
        if white(text[0]):
            return self._note(EVENT_LEADING, line)
        if self.utf8 and has_high(text, size) and not valid_utf8(text, size):
            return self._note(EVENT_UTF8, line)
        klen = key_end(text, size, &open)
        if open:
            return self._note(EVENT_QUOTE, line)
        start = skip_white(text, klen, size)
        while size > start and white(text[size - 1]):
            size -= 1
        if start >= size:
            return self._note(EVENT_FORMAT, line)
        if text[klen - 1] == 58 and not self._note(EVENT_COLON, line):
            return False
        return self._put(text, klen, text + start, size - start, line.number, self.fold)

    cdef int _parse(self, const uint8_t *data, size_t size) noexcept nogil:
        cdef Source source
        cdef Area joined
        cdef Line line
        cdef int more = 1
        memset(&joined, 0, sizeof(joined))
        source.data, source.size, source.at, source.line = data, size, 0, 0
        while True:
            more = next_line(&source, &joined, &line)
            if more <= 0:
                break
            if not self._line(&line):
                more = -1
                break
        free(joined.data)
        return more

    def parse(self, const uint8_t[::1] data not None):
        """Read a whole postmap source. What was wrong with it is in events() afterwards."""
        cdef int done = 0
        if data.shape[0] == 0:
            return
        with nogil:
            done = self._parse(&data[0], data.shape[0])
        if done < 0:
            raise MemoryError
        if self.unfolded:
            self._fold_unicode()

    cdef _fold_unicode(self):
        """Fold the keys that need more than ASCII; their entries move to the end of the arena."""
        cdef size_t index
        cdef size_t last
        cdef const char *entry
        cdef Record *record
        for index in range(len(self)):
            record = <Record *>self.records.data + index
            if record.flags & RECORD_FOLD:
                entry = <const char *>self.arena.data + record.offset
                start = 8 + load32(<const uint8_t *>entry)
                key = self.casefold(entry[8:start])
                self.add(key, entry[start:start + load32(<const uint8_t *>entry + 4)], record.line)
                # add() appended a record for the moved entry: it takes the old one's place
                last = len(self) - 1
                (<Record *>self.records.data)[index] = (<Record *>self.records.data)[last]
                self.records.used -= sizeof(Record)
        self.unfolded = False

    def add(self, bytes key not None, bytes value not None, uint32_t line=0):
        """One entry; the key is taken as it is."""
        if not self._put(<const uint8_t *>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key),
                         <const uint8_t *>PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), line, False):
            raise MemoryError

    def events(self):
        """[(records before it, line, kind, text), ...]: what parse() found wrong; kinds are in EVENTS."""
        cdef Event *event = <Event *>self.flaws.data
        cdef size_t index
        out = []
        for index in range(self.flaws.used // sizeof(Event)):
            text = (<const char *>self.notes.data)[event[index].offset:event[index].offset + event[index].size]
            out.append((event[index].record, event[index].line, EVENTS[event[index].kind], text))
        return out

    def entries(self):
        """[(key, value, line), ...] as collected, duplicates included."""
        cdef Record *record = <Record *>self.records.data
        cdef size_t index
        cdef const char *entry
        out = []
        for index in range(len(self)):
            entry = <const char *>self.arena.data + record[index].offset
            klen = load32(<const uint8_t *>entry)
            vlen = load32(<const uint8_t *>entry + 4)
            out.append((entry[8:8 + klen], entry[8 + klen:8 + klen + vlen], record[index].line))
        return out

    def image(self, bint keep_last=False, bint sort=False):
        """(image as a bytearray, [(index, key, line), ...] of the duplicates). May be called once.

        Of entries with one key the first is kept, or with `keep_last` the last; `sort`: in the order of the keys.
        """
        cdef uint64_t count = len(self)
        cdef uint64_t slots = 8
        cdef uint64_t size
        cdef uint64_t *table
        cdef uint32_t *order = NULL
        cdef uint64_t kept = 0
        cdef bytearray out
        cdef uint8_t *base
        if count > 0xfffffff0:
            raise OverflowError("too many entries for one table")
        while slots * 3 < (count + 1) * 4:
            slots *= 2
        order = <uint32_t *>malloc((count + 1) * sizeof(uint32_t))
        table = <uint64_t *>calloc(slots, 8)
        if order == NULL or table == NULL:
            free(order)
            free(table)
            raise MemoryError
        try:
            repeated = self._dedupe(table, slots - 1, order, keep_last, &kept)
            if sort:
                self._sort(order, kept)
            size = HEADER + slots * 8 + self._live(order, kept)
            out = bytearray()
            PyByteArray_Resize(out, size)
            base = <uint8_t *><char *>out
            with nogil:
                self._lay_out(base, table, slots, order, kept)
                self._header(base, slots, kept, size, SORTED if sort else 0)
        finally:
            free(order)
            free(table)
        return out, repeated

    cdef list _dedupe(self, uint64_t *table, uint64_t mask, uint32_t *order, bint keep_last, uint64_t *kept):
        """Find the entries that stay: their record numbers go to `order`; report the others."""
        cdef Record *record = <Record *>self.records.data
        cdef uint64_t count = len(self)
        cdef uint64_t index, found
        cdef uint32_t *twins = NULL
        cdef uint64_t twice = 0
        cdef list repeated = []
        with nogil:
            twins = <uint32_t *>malloc((count + 1) * sizeof(uint32_t))
            if twins != NULL:
                kept[0] = 0
                for index in range(count):
                    if index + 8 < count:
                        pyfix_prefetch(table + (record[index + 8].hash & mask))
                    found = self._claim(table, mask, record, index)
                    if found == index:
                        order[kept[0]] = <uint32_t>index
                        kept[0] += 1
                    else:
                        twins[twice] = <uint32_t>index
                        twice += 1
                        if keep_last:
                            # the newer text under the older record, which keeps its place
                            record[found].offset = record[index].offset
        if twins == NULL:
            raise MemoryError
        for index in range(twice):
            entry = <const char *>self.arena.data + record[twins[index]].offset
            repeated.append((twins[index], entry[8:8 + load32(<const uint8_t *>entry)], record[twins[index]].line))
        free(twins)
        return repeated

    cdef uint64_t _claim(self, uint64_t *table, uint64_t mask, Record *record, uint64_t index) noexcept nogil:
        """Take a slot for record `index`; returns the record that has its key, which is itself if it is new."""
        cdef uint64_t hash = record[index].hash
        cdef uint64_t at = hash & mask
        cdef uint64_t other
        while table[at]:
            other = low48(table[at]) - 1
            if table[at] >> 48 == hash >> 48 and record[other].hash == hash and self._same(record, other, index):
                return other
            at = (at + 1) & mask
        table[at] = (hash >> 48 << 48) | (index + 1)
        return index

    cdef bint _same(self, Record *record, uint64_t left, uint64_t right) noexcept nogil:
        cdef const uint8_t *a = self.arena.data + record[left].offset
        cdef const uint8_t *b = self.arena.data + record[right].offset
        return load32(a) == load32(b) and memcmp(a + 8, b + 8, load32(a)) == 0

    cdef _sort(self, uint32_t *order, uint64_t kept):
        """Put `order` into the order of the keys, byte by byte."""
        cdef Record *record = <Record *>self.records.data
        cdef Order *rows = <Order *>malloc((kept + 1) * sizeof(Order))
        cdef uint64_t index
        cdef const uint8_t *entry
        if rows == NULL:
            raise MemoryError
        with nogil:
            for index in range(kept):
                entry = self.arena.data + record[order[index]].offset
                rows[index].key, rows[index].klen, rows[index].index = entry + 8, load32(entry), order[index]
            qsort(rows, kept, sizeof(Order), compare_order)
            for index in range(kept):
                order[index] = rows[index].index
        free(rows)

    cdef uint64_t _live(self, const uint32_t *order, uint64_t kept) noexcept nogil:
        """The bytes that the kept entries take."""
        cdef Record *record = <Record *>self.records.data
        cdef uint64_t index
        cdef uint64_t total = 0
        cdef const uint8_t *entry
        for index in range(kept):
            entry = self.arena.data + record[order[index]].offset
            total += 8 + <uint64_t>load32(entry) + load32(entry + 4)
        return total

    cdef void _lay_out(self, uint8_t *base, const uint64_t *table, uint64_t slots, const uint32_t *order,
                       uint64_t kept) noexcept nogil:
        """Copy the kept entries and the slots; `base` has room for both."""
        cdef Record *record = <Record *>self.records.data
        cdef uint64_t start = HEADER + slots * 8
        cdef uint64_t to = start
        cdef uint64_t index, size
        cdef uint64_t *target = <uint64_t *>(base + HEADER)
        cdef const uint8_t *entry
        for index in range(kept):
            entry = self.arena.data + record[order[index]].offset
            size = 8 + <uint64_t>load32(entry) + load32(entry + 4)
            memcpy(base + to, entry, size)
            record[order[index]].offset = to
            to += size
        for index in range(slots):
            target[index] = 0
            if table[index]:
                if index + 8 < slots and table[index + 8]:
                    pyfix_prefetch(record + low48(table[index + 8]) - 1)
                target[index] = (table[index] >> 48 << 48) | record[low48(table[index]) - 1].offset

    cdef void _header(self, uint8_t *base, uint64_t slots, uint64_t kept, uint64_t size, uint32_t flags) noexcept nogil:
        cdef uint32_t word = 1
        cdef uint64_t numbers[7]
        memset(base, 0, HEADER)
        memcpy(base, b"pyfixmap", 8)
        memcpy(base + 8, &word, 4)
        memcpy(base + 12, &flags, 4)
        numbers[0], numbers[1], numbers[2], numbers[3] = self.k0, self.k1, kept, slots
        numbers[4], numbers[5], numbers[6] = HEADER, HEADER + slots * 8, size
        memcpy(base + 16, numbers, 56)
        word = crc32(base, 92)
        memcpy(base + 92, &word, 4)
