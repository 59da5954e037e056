"""Makes table images (`hashmap` describes them): one pass over a postmap source, or entry by entry.

Source syntax (postmap(1)): "key white value"; a line that starts with white space continues the one before; empty
lines and lines that start with "#" are passed over wherever they stand; white space in double quotes belongs to the
key, a backslash takes the next character along; key and quotes are kept as written. Bytes in, values out.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memchr, memcmp, memcpy, memset

import os

from pyfix._core.hashmap cimport (BUCKET_SIZE, BUCKET_UNIT, HEADER, VERSION, bucket_of, crc32, fold_ascii, has_high, load32,
                                  load64, pyfix_prefetch, siphash13, valid_utf8, white)

cdef extern from "Python.h":
    int PyByteArray_Resize(object array, Py_ssize_t size) except -1

cdef enum:
    RECORD_FOLD = 1          # a key that Unicode must fold
    AHEAD = 12               # how many entries before its turn memory is asked for
    EVENT_LEADING = 0        # a continuation line with nothing before it
    EVENT_UTF8 = 1
    EVENT_QUOTE = 2
    EVENT_FORMAT = 3
    EVENT_COLON = 4

cdef struct Record:
    uint64_t hash
    uint64_t offset       # of the entry in the arena
    uint64_t size         # of the entry
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


cdef struct Plan:
    uint64_t buckets
    uint32_t *order       # numbers of records, bucket after bucket
    uint32_t *starts      # where each bucket starts in `order`
    uint32_t *sizes       # how many of it are kept
    uint32_t *twins       # numbers of the records that are not
    uint64_t repeated
    uint64_t kept
    uint64_t area         # where the buckets start in the image
    uint64_t size         # of the image; 0: it would be too large


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
        record.offset, record.size = self.arena.used, 8 + klen + vlen
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

    def image(self, bint keep_last=False):
        """(image as a bytearray, [(index, key, line), ...] of the duplicates). May be called once.

        Of entries with one key the first is kept, or with `keep_last` the last. OverflowError above 64 GiB.
        """
        cdef Plan plan
        cdef bytearray out
        cdef uint8_t *base
        cdef uint64_t count = len(self)
        if count > 0xfffffff0:
            raise OverflowError("too many entries for one table")
        plan.buckets = count // BUCKET_SIZE + 1
        plan.order = <uint32_t *>malloc((count + 1) * sizeof(uint32_t))
        plan.starts = <uint32_t *>calloc(plan.buckets + 2, sizeof(uint32_t))
        plan.sizes = <uint32_t *>calloc(plan.buckets, sizeof(uint32_t))
        plan.twins = <uint32_t *>malloc((count + 1) * sizeof(uint32_t))
        try:
            if plan.order == NULL or plan.starts == NULL or plan.sizes == NULL or plan.twins == NULL:
                raise MemoryError
            with nogil:
                self._group(&plan)
                self._dedupe(&plan, keep_last)
            if plan.size == 0:
                raise OverflowError("too many entries for one table")
            out = bytearray()
            PyByteArray_Resize(out, plan.size)
            base = <uint8_t *><char *>out
            with nogil:
                self._lay_out(base, &plan)
            return out, self._repeated(&plan)
        finally:
            free(plan.order)
            free(plan.starts)
            free(plan.sizes)
            free(plan.twins)

    cdef void _group(self, Plan *plan) noexcept nogil:
        """Put the records' numbers into the order of their buckets; those of one bucket stay as they came."""
        cdef Record *record = <Record *>self.records.data
        cdef uint64_t count = self.records.used // sizeof(Record)
        cdef uint64_t index, bucket
        cdef uint32_t *at = plan.starts + 1
        for index in range(count):
            at[bucket_of(record[index].hash, plan.buckets) + 1] += 1
        for bucket in range(plan.buckets):
            at[bucket + 1] += at[bucket]
        # at[b] is where bucket b starts; filling moves it on, so that starts[b] is right afterwards
        for index in range(count):
            bucket = bucket_of(record[index].hash, plan.buckets)
            plan.order[at[bucket]] = <uint32_t>index
            at[bucket] += 1

    cdef void _dedupe(self, Plan *plan, bint keep_last) noexcept nogil:
        """Keep one entry of each key, at the start of its bucket's part of `order`; add up the size."""
        cdef Record *record = <Record *>self.records.data
        cdef uint64_t count = self.records.used // sizeof(Record)
        cdef uint64_t bucket, at, index, twin, kept, size
        plan.repeated, plan.kept = 0, 0
        plan.area = HEADER + (plan.buckets * 4 + BUCKET_UNIT - 1) // BUCKET_UNIT * BUCKET_UNIT
        plan.size = plan.area
        for bucket in range(plan.buckets):
            kept = 0
            for at in range(plan.starts[bucket], plan.starts[bucket + 1]):
                if at + AHEAD < count:
                    pyfix_prefetch(record + plan.order[at + AHEAD])
                index = plan.order[at]
                twin = self._twin(record, plan.order + plan.starts[bucket], kept, index)
                if twin == index:
                    plan.order[plan.starts[bucket] + kept] = <uint32_t>index
                    kept += 1
                else:
                    plan.twins[plan.repeated] = <uint32_t>index
                    plan.repeated += 1
                    if keep_last:
                        record[twin].offset, record[twin].size = record[index].offset, record[index].size
            size = 2 + kept
            for at in range(kept):
                size += record[plan.order[plan.starts[bucket] + at]].size
            plan.sizes[bucket] = <uint32_t>kept
            plan.kept += kept
            if kept > 0xffff or (plan.size - plan.area) // BUCKET_UNIT > <uint64_t>0xffffffff:
                plan.size = 0
                return
            plan.size += (size + BUCKET_UNIT - 1) // BUCKET_UNIT * BUCKET_UNIT

    cdef uint64_t _twin(self, Record *record, const uint32_t *kept, uint64_t count, uint64_t index) noexcept nogil:
        """The kept record that has the key of record `index`, or `index`."""
        cdef uint64_t at
        for at in range(count):
            if record[kept[at]].hash == record[index].hash and self._same(record, kept[at], index):
                return kept[at]
        return index

    cdef bint _same(self, Record *record, uint64_t left, uint64_t right) noexcept nogil:
        cdef const uint8_t *a = self.arena.data + record[left].offset
        cdef const uint8_t *b = self.arena.data + record[right].offset
        return load32(a) == load32(b) and memcmp(a + 8, b + 8, load32(a)) == 0

    cdef void _lay_out(self, uint8_t *base, Plan *plan) noexcept nogil:
        """Write header, index and buckets; `base` has room for them."""
        cdef Record *record = <Record *>self.records.data
        cdef uint64_t to = plan.area
        cdef uint64_t bucket, at, start, size, index
        cdef uint64_t count = self.records.used // sizeof(Record)
        cdef uint32_t word
        self._header(base, plan)
        memset(base + HEADER, 0, plan.area - HEADER)
        for bucket in range(plan.buckets):
            word = <uint32_t>((to - plan.area) // BUCKET_UNIT)
            memcpy(base + HEADER + bucket * 4, &word, 4)
            start = to
            base[to], base[to + 1] = plan.sizes[bucket] & 0xff, plan.sizes[bucket] >> 8
            to += 2 + plan.sizes[bucket]
            for at in range(plan.sizes[bucket]):
                # the next buckets' entries are likely to be the next in `order`
                if plan.starts[bucket] + at + AHEAD < count:
                    pyfix_prefetch(self.arena.data + record[plan.order[plan.starts[bucket] + at + AHEAD]].offset)
                index = plan.order[plan.starts[bucket] + at]
                base[start + 2 + at] = record[index].hash & 0xff
                memcpy(base + to, self.arena.data + record[index].offset, record[index].size)
                to += record[index].size
            size = (to - start + BUCKET_UNIT - 1) // BUCKET_UNIT * BUCKET_UNIT
            memset(base + to, 0, start + size - to)
            to = start + size

    cdef void _header(self, uint8_t *base, Plan *plan) noexcept nogil:
        cdef uint32_t word = VERSION
        cdef uint64_t numbers[7]
        memset(base, 0, HEADER)
        memcpy(base, b"pyfixmap", 8)
        memcpy(base + 8, &word, 4)
        numbers[0], numbers[1], numbers[2], numbers[3] = self.k0, self.k1, plan.kept, plan.buckets
        numbers[4], numbers[5], numbers[6] = HEADER, plan.area, plan.size
        memcpy(base + 16, numbers, 56)
        word = crc32(base, 92)
        memcpy(base + 92, &word, 4)

    cdef list _repeated(self, Plan *plan):
        """[(index, key, line), ...] of the entries that were not kept, in the order they came."""
        cdef Record *record = <Record *>self.records.data
        cdef uint64_t at
        cdef uint32_t index
        found = []
        for at in range(plan.repeated):
            index = plan.twins[at]
            entry = <const char *>self.arena.data + record[index].offset
            found.append((index, entry[8:8 + load32(<const uint8_t *>entry)], record[index].line))
        return sorted(found)
