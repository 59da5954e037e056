"""The C face of heap.pyx."""


cdef class Keyed:
    cdef public double tag        # virtual start time
    cdef public long long seq     # ties are broken by age
    cdef Py_ssize_t index         # place in its heap, -1 outside


cdef class Heap:
    cdef list items
    cdef void push(self, Keyed item)
    cdef Keyed top(self)
    cdef Keyed pop(self)
    cdef void remove(self, Keyed item)
    cdef void moved(self, Keyed item)
    cdef void _up(self, Py_ssize_t i)
    cdef void _down(self, Py_ssize_t i)
