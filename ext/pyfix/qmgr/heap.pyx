"""A binary heap whose members know where they stand, so that any of them can leave or change its stamp.

Law: the oldest stamp first, ties broken by age; each operation takes a number of steps that grows with the
logarithm of the size. The scheduler keeps its sites with work and their deliveries in such heaps.
"""


cdef class Keyed:
    """Something that stands in a Heap, oldest stamp first."""

    def __cinit__(self):
        self.index = -1


cdef inline bint before(Keyed a, Keyed b) noexcept:
    return a.tag < b.tag or (a.tag == b.tag and a.seq < b.seq)


cdef class Heap:
    """A binary heap of Keyed that knows where each one stands, so that any can leave."""

    def __cinit__(self):
        self.items = []

    def __len__(self):
        return len(self.items)

    cdef void push(self, Keyed item):
        item.index = len(self.items)
        self.items.append(item)
        self._up(item.index)

    cdef Keyed top(self):
        return <Keyed>self.items[0] if self.items else None

    cdef Keyed pop(self):
        cdef Keyed item = <Keyed>self.items[0]
        self.remove(item)
        return item

    cdef void remove(self, Keyed item):
        cdef Py_ssize_t i = item.index
        cdef Keyed last
        if i < 0:
            return
        last = <Keyed>self.items.pop()
        item.index = -1
        if last is not item:
            self.items[i] = last
            last.index = i
            self.moved(last)

    cdef void moved(self, Keyed item):
        self._up(item.index)
        self._down(item.index)

    cdef void _up(self, Py_ssize_t i):
        cdef Keyed item = <Keyed>self.items[i], parent
        cdef Py_ssize_t j
        while i > 0:
            j = (i - 1) >> 1
            parent = <Keyed>self.items[j]
            if not before(item, parent):
                break
            self.items[i] = parent
            parent.index = i
            i = j
        self.items[i] = item
        item.index = i

    cdef void _down(self, Py_ssize_t i):
        cdef Keyed item = <Keyed>self.items[i], child
        cdef Py_ssize_t j, n = len(self.items)
        while True:
            j = 2 * i + 1
            if j >= n:
                break
            if j + 1 < n and before(<Keyed>self.items[j + 1], <Keyed>self.items[j]):
                j += 1
            child = <Keyed>self.items[j]
            if not before(child, item):
                break
            self.items[i] = child
            child.index = i
            i = j
        self.items[i] = item
        item.index = i
