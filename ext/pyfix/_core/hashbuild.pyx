"""Makes table images (`hashmap` describes them): one pass over a postmap source, or entry by entry.

Source syntax (postmap(1)): "key white value"; a line that starts with white space continues the one before; empty
lines and lines that start with "#" are passed over wherever they stand; white space in double quotes belongs to the
key, a backslash takes the next character along; key and quotes are kept as written. Bytes in, values out.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcmp, memcpy, memset

import os

from pyfix._core.hashmap cimport (BUCKET_SIZE, BUCKET_UNIT, HEADER, VERSION, bucket_of, crc32, fold_hash, has_high, load32,
                                  load64, pyfix_prefetch, siphash13, valid_utf8, white)
from pyfix._core.mapsource cimport Area, Line, Source, append, key_end, large, next_line, reserve, skip_white

cdef extern from "Python.h":
    bytearray PyByteArray_FromStringAndSize(const char *data, Py_ssize_t size)

cdef extern from *:
    """
    #define pyfix_prefetch_write(p) __builtin_prefetch(p, 1)
    """
    void prefetch_write "pyfix_prefetch_write"(const void *p) noexcept nogil

cdef enum:
    BLOCK = 1 << 20          # how much of an image is made at a time
    LINE_GUESS = 32          # bytes of a source line, at least, for the first guess how many there are
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

# An entry in the order of the buckets.
cdef struct Place:
    uint64_t offset       # in the arena
    uint64_t size
    uint32_t hash         # its lower half
    uint32_t record       # the number of its record

cdef struct Plan:
    uint64_t buckets
    Place *places         # bucket after bucket
    uint32_t *starts      # where each bucket starts in `places`
    uint32_t *sizes       # how many of it are kept
    uint32_t *index       # where each one starts in the image
    uint32_t *twins       # numbers of the records that are not kept
    uint64_t repeated
    uint64_t kept
    uint64_t area         # where the buckets start in the image
    uint64_t size         # of the image; 0: it would be too large


EVENTS = ("leading", "utf8", "quote", "format", "colon")


cdef class Builder:
    """Collects entries, then makes an image of them."""

    cdef Area arena
    cdef Area records
    cdef Area flaws
    cdef Area notes
    cdef Plan plan
    cdef uint32_t lines
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
        self._forget()

    cdef void _forget(self) noexcept:
        """Give back what the plan of an image takes."""
        free(self.plan.places)
        free(self.plan.starts)
        free(self.plan.sizes)
        free(self.plan.index)
        free(self.plan.twins)
        memset(&self.plan, 0, sizeof(Plan))

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
            if fold_hash(self.k0, self.k1, key, klen, entry + 8, &record.hash) and self.utf8:
                record.flags = RECORD_FOLD
                self.unfolded = True
        else:
            memcpy(entry + 8, key, klen)
            record.hash = siphash13(self.k0, self.k1, key, klen)
        memcpy(entry + 8 + klen, value, vlen)
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

    cdef int _parse(self, Source *source, bint more) noexcept nogil:
        """All logical lines, with `more` those of which it is certain that they are whole; -1 when memory is out."""
        cdef Area joined
        cdef Line line
        cdef Source before
        cdef int state
        memset(&joined, 0, sizeof(joined))
        while True:
            before = source[0]
            state = next_line(source, &joined, &line)
            if more and source.at == source.size:
                source[0] = before
                break
            if state <= 0:
                break
            if not self._line(&line):
                state = -1
                break
        free(joined.data)
        return state

    def parse(self, const uint8_t[::1] data not None, bint more=False, size_t expect=0):
        """Read a postmap source. What was wrong with it is in events() afterwards."""
        cdef Source source
        cdef int state = 0
        if data.shape[0] == 0:
            return 0
        source.data, source.size, source.at, source.line = &data[0], data.shape[0], 0, self.lines
        if self.records.used == 0:
            # address space only, until it is used; where there is not that much, they grow step by step
            if expect < source.size:
                expect = source.size
            reserve(&self.arena, expect + expect // 4)
            reserve(&self.records, expect // LINE_GUESS * sizeof(Record))
        with nogil:
            state = self._parse(&source, more)
        if state < 0:
            raise MemoryError
        self.lines = source.line if more else 0
        if self.unfolded:
            self._fold_unicode()
        return source.at

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
        """(image as a bytearray, [(index, key, line), ...] of the duplicates). May be called once."""
        repeated = self.arrange(keep_last)
        return bytearray().join(self.blocks()), repeated

    def arrange(self, bint keep_last=False):
        """Decide where each entry goes; blocks() gives the image afterwards. As image(); returns the duplicates."""
        cdef uint64_t count = len(self)
        cdef Plan *plan = &self.plan
        if count > 0xfffffff0:
            raise OverflowError("too many entries for one table")
        self._forget()
        plan.buckets = count // BUCKET_SIZE + 1
        plan.places = <Place *>large((count + 1) * sizeof(Place))
        plan.starts = <uint32_t *>large((plan.buckets + 2) * sizeof(uint32_t))
        plan.sizes = <uint32_t *>large(plan.buckets * sizeof(uint32_t))
        plan.index = <uint32_t *>large(plan.buckets * sizeof(uint32_t))
        plan.twins = <uint32_t *>large((count + 1) * sizeof(uint32_t))
        if (plan.places == NULL or plan.starts == NULL or plan.sizes == NULL or plan.index == NULL
                or plan.twins == NULL):
            self._forget()
            raise MemoryError
        with nogil:
            self._group(plan)
            self._dedupe(plan, keep_last)
        if plan.size == 0:
            self._forget()
            raise OverflowError("too many entries for one table")
        return self._repeated(plan)

    def blocks(self):
        """The image, a piece at a time; arrange() comes before."""
        cdef Plan *plan = &self.plan
        cdef uint64_t bucket = 0
        cdef uint64_t stop
        if plan.size:
            yield self._head(plan)
        while bucket < plan.buckets:
            stop = bucket + 1
            while stop < plan.buckets and (plan.index[stop] - plan.index[bucket]) < BLOCK // BUCKET_UNIT:
                stop += 1
            yield self._lay_out(plan, bucket, stop)
            bucket = stop

    cdef void _group(self, Plan *plan) noexcept nogil:
        """Put the entries into the order of their buckets; those of one bucket stay as they came."""
        cdef const Record *record = <const Record *>self.records.data
        cdef uint64_t count = self.records.used // sizeof(Record)
        cdef uint64_t index, bucket
        cdef Place *place
        cdef uint32_t *at = plan.starts + 1
        memset(plan.starts, 0, (plan.buckets + 2) * sizeof(uint32_t))
        for index in range(count):
            at[bucket_of(record[index].hash, plan.buckets) + 1] += 1
        for bucket in range(plan.buckets):
            at[bucket + 1] += at[bucket]
        # at[b] is where bucket b starts; filling moves it on, so that starts[b] is right afterwards
        for index in range(count):
            if index + AHEAD < count:
                prefetch_write(plan.places + at[bucket_of(record[index + AHEAD].hash, plan.buckets)])
            bucket = bucket_of(record[index].hash, plan.buckets)
            place = plan.places + at[bucket]
            place.offset, place.size = record[index].offset, record[index].size
            place.hash, place.record = <uint32_t>record[index].hash, <uint32_t>index
            at[bucket] += 1

    cdef void _dedupe(self, Plan *plan, bint keep_last) noexcept nogil:
        """Keep one entry of each key, at the start of its bucket's part of `places`; add up the size."""
        cdef Place *places
        cdef Place *place
        cdef Place *twin
        cdef uint64_t bucket, at, kept, size
        plan.repeated, plan.kept = 0, 0
        plan.area = HEADER + (plan.buckets * 4 + BUCKET_UNIT - 1) // BUCKET_UNIT * BUCKET_UNIT
        plan.size = plan.area
        for bucket in range(plan.buckets):
            kept, places = 0, plan.places + plan.starts[bucket]
            for at in range(plan.starts[bucket + 1] - plan.starts[bucket]):
                place = places + at
                twin = self._twin(places, kept, place)
                if twin == NULL:
                    places[kept] = place[0]
                    kept += 1
                else:
                    plan.twins[plan.repeated] = place.record
                    plan.repeated += 1
                    if keep_last:
                        twin.offset, twin.size = place.offset, place.size
            size = 2 + kept
            for at in range(kept):
                size += places[at].size
            plan.sizes[bucket] = <uint32_t>kept
            plan.kept += kept
            if kept > 0xffff or (plan.size - plan.area) // BUCKET_UNIT > <uint64_t>0xffffffff:
                plan.size = 0
                return
            plan.index[bucket] = <uint32_t>((plan.size - plan.area) // BUCKET_UNIT)
            plan.size += (size + BUCKET_UNIT - 1) // BUCKET_UNIT * BUCKET_UNIT

    cdef Place *_twin(self, Place *kept, uint64_t count, const Place *place) noexcept nogil:
        """The one of the kept entries that has the same key as `place`, or NULL."""
        cdef uint64_t at
        for at in range(count):
            if kept[at].hash == place.hash and self._same(kept + at, place):
                return kept + at
        return NULL

    cdef bint _same(self, const Place *left, const Place *right) noexcept nogil:
        cdef const uint8_t *a = self.arena.data + left.offset
        cdef const uint8_t *b = self.arena.data + right.offset
        return load32(a) == load32(b) and memcmp(a + 8, b + 8, load32(a)) == 0

    cdef bytearray _lay_out(self, const Plan *plan, uint64_t bucket, uint64_t stop):
        """The buckets from `bucket` up to `stop`."""
        cdef uint64_t start = plan.index[bucket] * <uint64_t>BUCKET_UNIT
        cdef uint64_t end = plan.index[stop] * <uint64_t>BUCKET_UNIT if stop < plan.buckets else plan.size - plan.area
        cdef bytearray out = PyByteArray_FromStringAndSize(NULL, end - start)
        cdef uint8_t *to = <uint8_t *><char *>out
        with nogil:
            while bucket < stop:
                to = self._bucket(plan, bucket, to)
                bucket += 1
        return out

    cdef uint8_t *_bucket(self, const Plan *plan, uint64_t bucket, uint8_t *to) noexcept nogil:
        """Write one bucket; returns where the next one starts."""
        cdef const Place *place = plan.places + plan.starts[bucket]
        cdef const Place *last = plan.places + plan.starts[plan.buckets]
        cdef const uint8_t *soon
        cdef uint64_t count = plan.sizes[bucket]
        cdef uint64_t at, size
        cdef uint8_t *start = to
        to[0], to[1] = count & 0xff, count >> 8
        to += 2 + count
        for at in range(count):
            # the next buckets' entries are likely to be the next in `places`
            if place + at + AHEAD < last:
                soon = self.arena.data + place[at + AHEAD].offset
                pyfix_prefetch(soon)
                pyfix_prefetch(soon + 64)
            start[2 + at] = place[at].hash & 0xff
            memcpy(to, self.arena.data + place[at].offset, place[at].size)
            to += place[at].size
        size = (to - start + BUCKET_UNIT - 1) // BUCKET_UNIT * BUCKET_UNIT
        memset(to, 0, start + size - to)
        return start + size

    cdef bytearray _head(self, const Plan *plan):
        """Header and index."""
        cdef bytearray out = PyByteArray_FromStringAndSize(NULL, plan.area)
        cdef uint8_t *base = <uint8_t *><char *>out
        cdef uint32_t word = VERSION
        cdef uint64_t numbers[7]
        memset(base, 0, plan.area)
        memcpy(base, b"pyfixmap", 8)
        memcpy(base + 8, &word, 4)
        numbers[0], numbers[1], numbers[2], numbers[3] = self.k0, self.k1, plan.kept, plan.buckets
        numbers[4], numbers[5], numbers[6] = HEADER, plan.area, plan.size
        memcpy(base + 16, numbers, 56)
        word = crc32(base, 92)
        memcpy(base + 92, &word, 4)
        memcpy(base + HEADER, plan.index, plan.buckets * 4)
        return out

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
