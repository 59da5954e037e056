"""msgpack for the records that every message needs: written field by field, no object in between.

Law: the msgpack specification, the same bytes as msgpack-python's Packer(use_bin_type=True,
unicode_errors="surrogateescape"). Only what the records hold: arrays, maps, integers, bin, str.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from pyfix._core.buffer cimport Buffer

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    long long PyLong_AsLongLongAndOverflow(object value, int* overflow) except? -1
    unsigned long long PyLong_AsUnsignedLongLong(object value) except? 0xFFFFFFFFFFFFFFFF

cdef enum:
    DEPTH = 64


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
        if PyUnicode_IS_COMPACT_ASCII(data):
            p = PyUnicode_AsUTF8AndSize(data, &n)
        else:
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

    cdef int value(self, object value, int depth) except -1:
        """Any value. TypeError: a type that has no place here; ValueError: too deep; OverflowError: a number beyond 64 bits."""
        kind = type(value)
        if kind is int:
            return put_whole(self, value)
        if kind is bytes:
            return self.binary(value)
        if kind is str:
            return self.text(value)
        if depth >= DEPTH:
            raise ValueError("nested too deeply")
        if isinstance(value, (list, tuple)):
            self.array(len(value))
            for entry in value:
                self.value(entry, depth + 1)
            return 0
        if isinstance(value, dict):
            self.map(len(value))
            for key, entry in value.items():
                self.value(key, depth + 1)
                self.value(entry, depth + 1)
            return 0
        return put_rare(self, value, kind)

    cdef int raw(self, bytes data) except -1:
        """Bytes that are msgpack already."""
        return self.out.append(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    cdef bytes take(self):
        """What was written."""
        cdef bytes whole = self.out.data[:self.out.length]
        self.out.clear()
        return whole


cdef int put_whole(Packer packer, object value) except -1:
    """A number of any sign below 2**64."""
    cdef int overflow = 0
    cdef long long number = PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow > 0:
        return head(packer.out, 0xCF, PyLong_AsUnsignedLongLong(value), 8)
    if overflow < 0:
        raise OverflowError("a number below -2**63")
    if number >= 0:
        return packer.integer(number)
    if number >= -32:
        return head(packer.out, <uint8_t> number, 0, 0)
    if number >= -0x80:
        return head(packer.out, 0xD0, <uint64_t> number, 1)
    if number >= -0x8000:
        return head(packer.out, 0xD1, <uint64_t> number, 2)
    if number >= -0x80000000LL:
        return head(packer.out, 0xD2, <uint64_t> number, 4)
    return head(packer.out, 0xD3, <uint64_t> number, 8)


cdef int put_rare(Packer packer, object value, object kind) except -1:
    """What no hot message holds."""
    cdef double real
    cdef uint64_t bits
    if value is None:
        return head(packer.out, 0xC0, 0, 0)
    if kind is bool:
        return head(packer.out, 0xC3 if value else 0xC2, 0, 0)
    if isinstance(value, int):
        return put_whole(packer, value)
    if isinstance(value, (bytearray, memoryview)):
        return packer.binary(bytes(value))
    if kind is not float:
        raise TypeError(f"can't pack a {kind.__name__}")
    real = value
    memcpy(&bits, &real, 8)
    return head(packer.out, 0xCB, bits, 8)


def pack(value) -> bytes:
    """Any value packed: lists, dicts, numbers, bytes, str, None, booleans. TypeError, ValueError, OverflowError."""
    cdef Packer packer = Packer()
    packer.value(value, 0)
    return packer.take()


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
