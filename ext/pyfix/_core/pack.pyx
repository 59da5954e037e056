"""msgpack for the records that every message needs: written field by field, no object in between.

Law: the msgpack specification, the same bytes as msgpack-python's Packer(use_bin_type=True,
unicode_errors="surrogateescape"). Only what the records hold: arrays, maps, integers, bin, str.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t

from pyfix._core.buffer cimport Buffer

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL


cdef int head(Buffer out, uint8_t mark, uint64_t value, int size) except -1:
    """A marker byte and `size` bytes of a big-endian number."""
    cdef uint8_t[9] bytes_
    cdef int i
    bytes_[0] = mark
    for i in range(size):
        bytes_[size - i] = <uint8_t> (value >> (8 * i))
    return out.append(<const char*> bytes_, size + 1)


cdef class Packer:
    """Gathers one msgpack value; take() gives its bytes and begins anew."""

    def __cinit__(self):
        self.out = Buffer()

    cdef int array(self, size_t n) except -1:
        """The head of an array of n values."""
        if n < 16:
            return head(self.out, <uint8_t> (0x90 | n), 0, 0)
        if n < 65536:
            return head(self.out, 0xDC, n, 2)
        return head(self.out, 0xDD, n, 4)

    cdef int map(self, size_t n) except -1:
        """The head of a map of n pairs."""
        if n < 16:
            return head(self.out, <uint8_t> (0x80 | n), 0, 0)
        if n < 65536:
            return head(self.out, 0xDE, n, 2)
        return head(self.out, 0xDF, n, 4)

    cdef int integer(self, int64_t value) except -1:
        """A number; none here is negative."""
        if value < 0:
            raise ValueError("a record holds no negative number")
        if value < 128:
            return head(self.out, <uint8_t> value, 0, 0)
        if value < 256:
            return head(self.out, 0xCC, <uint64_t> value, 1)
        if value < 65536:
            return head(self.out, 0xCD, <uint64_t> value, 2)
        if value < 4294967296:
            return head(self.out, 0xCE, <uint64_t> value, 4)
        return head(self.out, 0xCF, <uint64_t> value, 8)

    cdef int binary(self, bytes data) except -1:
        """Bytes, as bin."""
        cdef size_t n = PyBytes_GET_SIZE(data)
        if n < 256:
            head(self.out, 0xC4, n, 1)
        elif n < 65536:
            head(self.out, 0xC5, n, 2)
        else:
            head(self.out, 0xC6, n, 4)
        return self.out.append(PyBytes_AS_STRING(data), n)

    cdef int text(self, str data) except -1:
        """Text, as str in UTF-8; surrogates stand for the bytes they came from."""
        cdef Py_ssize_t n
        cdef const char* p
        cdef bytes escaped
        try:
            p = PyUnicode_AsUTF8AndSize(data, &n)
        except UnicodeEncodeError:
            escaped = data.encode("utf-8", "surrogateescape")
            p, n = PyBytes_AS_STRING(escaped), PyBytes_GET_SIZE(escaped)
        if n < 32:
            head(self.out, <uint8_t> (0xA0 | n), 0, 0)
        elif n < 256:
            head(self.out, 0xD9, <uint64_t> n, 1)
        elif n < 65536:
            head(self.out, 0xDA, <uint64_t> n, 2)
        else:
            head(self.out, 0xDB, <uint64_t> n, 4)
        return self.out.append(p, n)

    cdef int raw(self, bytes data) except -1:
        """Bytes that are msgpack already."""
        return self.out.append(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    cdef bytes take(self):
        """What was written."""
        cdef bytes whole = self.out.data[:self.out.length]
        self.out.clear()
        return whole


def packed(value) -> bytes:
    """For the tests: a value of lists, dicts, numbers, bytes and str, packed."""
    cdef Packer packer = Packer()
    put(packer, value)
    return packer.take()


cdef int put(Packer packer, object value) except -1:
    if isinstance(value, list):
        packer.array(len(value))
        for item in value:
            put(packer, item)
    elif isinstance(value, dict):
        packer.map(len(value))
        for key, item in value.items():
            put(packer, key)
            put(packer, item)
    elif isinstance(value, bytes):
        packer.binary(value)
    elif isinstance(value, str):
        packer.text(value)
    else:
        packer.integer(value)
    return 0
