"""Ordered lists of rules over compiled patterns: what regexp: and pcre: match with.

A lookup that uses up its budget is cut: the rule that was too dear counts as not matching, and is reported. A rule whose
pattern needs a certain word or a character of a class (`pyfix.maps.required`) is not tried where the text has none.

Neither library can be interrupted, and both have no limit on what they spend on all the places where a match may start.
So the first rule for which pattern and text together may take long goes on, with all rules after it, in a child
(`apart.pxd`), which is ended when it has used up its time.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset
from posix.time cimport CLOCK_MONOTONIC

import struct

from pyfix._core.wordset cimport WordSet
from pyfix.clock cimport nanoseconds
from pyfix.maps.apart cimport GROUPS, TROUBLES, Answer, answer, collect, regmatch_t, regoff_t, split_off
from pyfix.maps.pattern cimport Pattern, set_limit
from pyfix.maps.pcre2 cimport CUT

cdef extern from *:
    int ctz "__builtin_ctzll"(unsigned long long) noexcept nogil

cdef enum:
    RULE_MATCH = 0
    RULE_IF = 1
    RULE_ENDIF = 2
    BUDGET_NS = 20000000      # what one lookup may spend when it is dear
    DEAR = 65536              # steps, from which a lookup is timed
    # Machine code of many patterns does not stay in the processor's caches: with short texts it gains nothing.
    JIT_RULES = 64            # tables up to here get machine code
    JIT_TEXT = 256            # and patterns of larger ones, when they meet a text of this size
    CLASSES = 64              # classes that a table's patterns are chosen by
    APART = -98               # the rule is for a child
    # The C library keeps each state of its matcher that it has met, and finds them ever more slowly.
    KNOWN_NS = 40             # what a byte takes in known states, at most
    FORGET_NS = 20000000      # after so much beyond that all is forgotten: some 2,000 states of a few KB


cdef struct Rule:
    int kind
    bint negate
    bint negate_second
    bint wanted           # are the places of groups wanted?
    int end               # of an IF: the place of its ENDIF
    size_t limit          # texts up to here are matched in this process
    size_t work           # a byte of them counts as so many steps


cdef class Rules:
    """An ordered list of rules; find() gives the first that matches."""

    cdef Rule *rules
    cdef size_t room
    cdef readonly size_t count
    cdef list patterns
    cdef list seconds
    cdef list open
    cdef bint posix           # are there patterns of the C library?
    cdef size_t matched       # bytes, by all rules of this lookup
    cdef long long spent      # on lookups that took longer than known states do, since the patterns were made
    cdef size_t epoch         # how often they were made anew
    cdef bint child           # is this a child that makes one lookup?
    cdef readonly list troubles
    cdef regmatch_t spans[GROUPS]
    # bit sets over the rules: those to be tried in any case, those to be looked at in any case, those of this lookup
    cdef uint64_t *always
    cdef uint64_t *visited
    cdef uint64_t *tried
    cdef WordSet words
    cdef uint32_t *found
    cdef uint32_t *calls      # for each word where its rules start in `called`
    cdef uint32_t *called
    cdef size_t classes
    cdef uint64_t *members    # of each class its 256 characters
    cdef uint64_t *needing    # and the rules that need it

    def __init__(self, size_t room):
        self.rules = <Rule *>calloc(room + 1, sizeof(Rule))
        self.always = <uint64_t *>calloc(3 * (room // 64 + 1), sizeof(uint64_t))
        if self.rules == NULL or self.always == NULL:
            raise MemoryError
        self.visited, self.tried = self.always + room // 64 + 1, self.always + 2 * (room // 64 + 1)
        self.room, self.count = room, 0
        self.patterns, self.seconds, self.open, self.troubles = [], [], [], []

    def __dealloc__(self):
        free(self.rules)
        free(self.always)
        free(self.found)
        free(self.calls)
        free(self.called)
        free(self.members)
        free(self.needing)

    cdef size_t _add(self, int kind, bint negate, bint negate_second, bint wanted, pattern, second) except? 999999999:
        if self.count >= self.room:
            raise IndexError("no room for another rule")
        self.rules[self.count].kind = kind
        self.rules[self.count].negate, self.rules[self.count].negate_second = negate, negate_second
        self.rules[self.count].wanted, self.rules[self.count].end = wanted, 0
        self._weigh(self.rules + self.count, pattern, second)
        self.patterns.append(pattern)
        self.seconds.append(second)
        if kind != RULE_ENDIF:
            self.always[self.count >> 6] |= <uint64_t>1 << (self.count & 63)
        if kind == RULE_IF or negate:
            self.visited[self.count >> 6] |= <uint64_t>1 << (self.count & 63)
        self.count += 1
        return self.count - 1

    cdef void _weigh(self, Rule *rule, Pattern pattern, Pattern second):
        """Work out how long a text may be for this rule, and how soon the time is looked at."""
        rule.limit = 0
        if pattern is not None:
            self.posix |= pattern.posix != NULL
            rule.limit = pattern.limit()
            if second is not None:
                rule.limit = min(rule.limit, second.limit())
        rule.work = 8 + 4 * DEAR // (rule.limit + 1)

    def match(self, Pattern pattern not None, bint negate, bint wanted, Pattern second=None, bint negate_second=False):
        """A rule with a result; returns its number. `wanted`: the result has a $number."""
        return self._add(RULE_MATCH, negate, negate_second, wanted, pattern, second)

    def begin(self, Pattern pattern not None, bint negate):
        """IF."""
        self.open.append(self._add(RULE_IF, negate, False, False, pattern, None))

    def end(self):
        """ENDIF; False where no IF is open."""
        cdef size_t at
        if not self.open:
            return False
        at = self._add(RULE_ENDIF, False, False, False, None, None)
        self.rules[<size_t>self.open.pop()].end = <int>at
        return True

    def finish(self):
        """No more rules: an IF without ENDIF reaches to the end."""
        for at in self.open:
            self.rules[<size_t>at].end = <int>self.count

    def need(self, dict rules not None, dict classes not None):
        """From now on a rule is tried only where what it needs occurs. At most once."""
        if rules:
            self._need_words(rules)
        if classes:
            self._need_classes(classes)

    cdef _need_words(self, dict rules):
        cdef size_t at = 0
        cdef size_t number
        self.words = WordSet(list(rules))
        for numbers in rules.values():
            for number in numbers:
                self.always[number >> 6] &= ~(<uint64_t>1 << (number & 63))
        for place, numbers in zip(self.words.places, rules.values()):
            if not place:
                for number in numbers:
                    self.always[number >> 6] |= <uint64_t>1 << (number & 63)
        self.found = <uint32_t *>malloc((self.words.count + 1) * sizeof(uint32_t))
        self.calls = <uint32_t *>malloc((self.words.count + 1) * sizeof(uint32_t))
        self.called = <uint32_t *>malloc((sum(map(len, rules.values())) + 1) * sizeof(uint32_t))
        if self.found == NULL or self.calls == NULL or self.called == NULL:
            raise MemoryError
        for index, numbers in enumerate(rules.values()):
            self.calls[<size_t>index] = <uint32_t>at
            for number in numbers:
                self.called[at] = <uint32_t>number
                at += 1
        self.calls[self.words.count] = <uint32_t>at

    cdef _need_classes(self, dict classes):
        cdef size_t words = self.room // 64 + 1
        cdef size_t index, number
        self.members = <uint64_t *>calloc(CLASSES * 4, sizeof(uint64_t))
        self.needing = <uint64_t *>calloc(CLASSES * words, sizeof(uint64_t))
        if self.members == NULL or self.needing == NULL:
            raise MemoryError
        for bits, numbers in list(classes.items())[:CLASSES]:
            index = self.classes
            for number, part in enumerate(struct.unpack("<4Q", bits)):
                self.members[4 * index + number] = part
            for number in numbers:
                self.needing[words * index + (number >> 6)] |= <uint64_t>1 << (number & 63)
            self.classes += 1

    cdef int _choose(self, const uint8_t *text, size_t size) except -1 nogil:
        """Which rules are tried with this text."""
        memcpy(self.tried, self.always, (self.room // 64 + 1) * sizeof(uint64_t))
        if self.words is not None:
            self._choose_by_words(text, size)
        if self.classes:
            self._choose_by_classes(text, size)
        return 0

    cdef int _choose_by_words(self, const uint8_t *text, size_t size) except -1 nogil:
        cdef int index, count
        cdef uint32_t at, number
        count = self.words.scan(text, size, self.found)
        if count < 0:
            with gil:
                raise MemoryError
        for index in range(count):
            for at in range(self.calls[self.found[index]], self.calls[self.found[index] + 1]):
                number = self.called[at]
                self.tried[number >> 6] |= <uint64_t>1 << (number & 63)
        return 0

    cdef void _choose_by_classes(self, const uint8_t *text, size_t size) noexcept nogil:
        """Pass over the rules that need a character which the text has not."""
        cdef uint64_t there[4]
        cdef size_t at, index
        cdef size_t words = self.room // 64 + 1
        cdef uint64_t *member
        there[0] = there[1] = there[2] = there[3] = 0
        for at in range(size):
            there[text[at] >> 6] |= <uint64_t>1 << (text[at] & 63)
        for index in range(self.classes):
            member = self.members + 4 * index
            if not (member[0] & there[0] | member[1] & there[1] | member[2] & there[2] | member[3] & there[3]):
                for at in range(words):
                    self.tried[at] &= ~self.needing[words * index + at]

    cdef size_t _next(self, size_t at) noexcept nogil:
        """The first rule from `at` on that must be looked at; `count` or more where there is none."""
        cdef size_t word = at >> 6
        cdef size_t last = self.room >> 6
        cdef uint64_t bits
        if at >= self.count:
            return at
        bits = (self.tried[word] | self.visited[word]) & (~<uint64_t>0 << (at & 63))
        while bits == 0 and word < last:
            word += 1
            bits = self.tried[word] | self.visited[word]
        return (word << 6) + <size_t>ctz(bits) if bits else self.count

    cdef int _test(self, size_t at, const uint8_t *text, size_t size) except? -99:
        """Does rule `at` hold, `negate` included? 1, 0, APART, or below 0 an error of PCRE2."""
        cdef Rule *rule = self.rules + at
        cdef Pattern pattern
        cdef int got = 0
        if self.tried[at >> 6] >> (at & 63) & 1:
            pattern = <Pattern>self.patterns[at]
            self.matched += size
            if pattern.epoch != self.epoch:
                pattern.renew(self.epoch)
            if not pattern.jit_tried and (self.room <= JIT_RULES or size >= JIT_TEXT):
                pattern.compile_jit()
            got = pattern.match(text, size, self.spans if rule.wanted else NULL)
            if got == CUT and not self.child:
                return APART
            if got < 0:
                self.troubles.append((at, got))
                return got
        if got != rule.negate and self.seconds[at] is not None:
            got = (<Pattern>self.seconds[at]).match(text, size, NULL)
            return APART if got == CUT and not self.child else got == (not rule.negate_second)
        return got != rule.negate

    def find(self, bytes key not None):
        """The number of the first rule that matches, -1, or -2 where the lookup would take too long.

        Fills `troubles` with (rule, error) of cut matches.
        """
        cdef const uint8_t *text = <const uint8_t *>PyBytes_AS_STRING(key)
        cdef size_t size = PyBytes_GET_SIZE(key)
        cdef long long started
        cdef long found
        if self.troubles:
            self.troubles = []
        self._choose(text, size)
        set_limit(size)
        if not self.posix:
            return self._walk(text, size, self._next(0))
        self.matched = 0
        started = nanoseconds(CLOCK_MONOTONIC)
        found = self._walk(text, size, self._next(0))
        self._note(nanoseconds(CLOCK_MONOTONIC) - started)
        return found

    cdef void _note(self, long long spent) noexcept:
        """Let the C library's patterns be made anew when too much went into new states of theirs, which they keep."""
        if spent > <long long>(KNOWN_NS * (500 + self.matched)):
            self.spent += spent
            if self.spent > FORGET_NS:
                self.spent = 0
                self.epoch += 1

    cdef long _walk(self, const uint8_t *text, size_t size, size_t at) except -9:
        """find() from rule `at` on."""
        cdef size_t work = 0
        cdef size_t timed = DEAR
        cdef long long deadline = 0
        cdef int got
        while at < self.count:
            if size > self.rules[at].limit and not self.child and self.tried[at >> 6] >> (at & 63) & 1:
                return self._apart(text, size, at)
            got = self._test(at, text, size)
            if got == APART:
                return self._apart(text, size, at)
            work += size * self.rules[at].work if got >= 0 else DEAR
            if work >= timed:
                timed = work + DEAR
                if deadline == 0:
                    deadline = nanoseconds(CLOCK_MONOTONIC) + BUDGET_NS
                elif nanoseconds(CLOCK_MONOTONIC) > deadline:
                    return -2
            if got < 0:
                got = self.rules[at].negate
            if got == 1 and self.rules[at].kind == RULE_MATCH:
                return at
            at = self._next(at + 1 if got == 1 or self.rules[at].kind == RULE_MATCH else <size_t>self.rules[at].end)
        return -1

    cdef long _apart(self, const uint8_t *text, size_t size, size_t at) except -9:
        """_walk() in a child, whose answer is taken over."""
        cdef Answer got
        cdef int channel = -1
        cdef int child = split_off(&channel)
        # what the child does leaves nothing here
        self.matched = <size_t>1 << 40
        cdef int index
        if child == 0:
            self._answer(channel, text, size, at)
        if child < 0 or not collect(child, channel, &got):
            return -2
        memcpy(self.spans, got.spans, sizeof(got.spans))
        for index in range(got.troubles):
            self.troubles.append((got.trouble[index][0], got.trouble[index][1]))
        return got.rule

    cdef void _answer(self, int channel, const uint8_t *text, size_t size, size_t at) noexcept:
        """In the child: look up, send the answer, end."""
        cdef Answer made
        cdef int index = 0
        memset(&made, 0, sizeof(made))
        try:
            self.child = True
            set_limit(0)
            made.rule = self._walk(text, size, at)
        except BaseException:
            made.rule = -2
        for rule, code in self.troubles[:TROUBLES]:
            made.trouble[index][0], made.trouble[index][1] = rule, code
            index += 1
        made.troubles = index
        memcpy(made.spans, self.spans, sizeof(made.spans))
        answer(channel, &made)

    def group(self, bytes key not None, size_t number, size_t groups):
        """The text of $number in the last match; empty where it took no part."""
        cdef regoff_t start, stop
        if number > groups or number >= GROUPS:
            return b""
        start, stop = self.spans[number].rm_so, self.spans[number].rm_eo
        if start < 0 or stop < start or stop > PyBytes_GET_SIZE(key):
            return b""
        return PyBytes_FromStringAndSize(PyBytes_AS_STRING(key) + start, stop - start)
