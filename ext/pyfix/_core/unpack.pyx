"""Reading msgpack as pyfix's processes and log records use it: numbers, text, bytes, lists, maps.

Law: the msgpack specification (spec.md, 2013: str and bin are two types). A cursor over bytes for what is read
field by field, and whole values for what is not hot. No extension types. Nesting is bounded by
DEPTH, and a length is never believed beyond the bytes that are there.
"""

from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int8_t, int16_t, int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    DEPTH = 64


cdef Packed packed(const char* p, size_t n) noexcept nogil:
    """A cursor over n bytes."""
    cdef Packed at
    at.p, at.end, at.bad = <const unsigned char*>p, <const unsigned char*>p + n, False
    return at


cdef uint64_t big_endian(Packed* at, size_t width) noexcept nogil:
    """The next `width` bytes as a number; bad where they are not there."""
    cdef uint64_t value = 0
    cdef size_t i
    if <size_t>(at.end - at.p) < width:
        at.bad = True
        return 0
    for i in range(width):
        value = value << 8 | at.p[i]
    at.p += width
    return value


cdef void take_span(Packed* at, uint64_t length, Value* out, Kind kind) noexcept nogil:
    """The bytes of a string."""
    if at.bad or length > <uint64_t>(at.end - at.p):
        at.bad = True
        return
    out.kind, out.span.p, out.span.n = kind, <const char*>at.p, <size_t>length
    at.p += length


cdef void take_entries(Packed* at, uint64_t count, Value* out, Kind kind) noexcept nogil:
    """The head of a list or map: each entry takes a byte at least."""
    if at.bad or count * (2 if kind == K_MAP else 1) > <uint64_t>(at.end - at.p):
        at.bad = True
        return
    out.kind, out.number = kind, <int64_t>count


cdef void take_whole(Packed* at, unsigned char tag, Value* out) noexcept nogil:
    """A number of 8 to 64 bits."""
    cdef uint64_t bits = big_endian(at, <size_t>1 << (tag & 3))
    if at.bad:
        return
    out.kind = K_NUMBER
    if tag == 0xcf and bits >> 63:
        out.kind = K_HUGE
    if tag == 0xd0:
        out.number = <int8_t><uint8_t>bits
    elif tag == 0xd1:
        out.number = <int16_t><uint16_t>bits
    elif tag == 0xd2:
        out.number = <int32_t><uint32_t>bits
    else:
        out.number = <int64_t>bits


cdef void take_real(Packed* at, unsigned char tag, Value* out) noexcept nogil:
    """A float."""
    cdef uint64_t bits = big_endian(at, 4 if tag == 0xca else 8)
    cdef uint32_t half = <uint32_t>bits
    cdef float single
    if at.bad:
        return
    out.kind = K_FLOAT
    if tag == 0xca:
        memcpy(&single, &half, 4)
        out.real = single
    else:
        memcpy(&out.real, &bits, 8)


cdef Value take(Packed* at) noexcept nogil:
    """The next value, of a list or map its head only; K_BAD and `bad` where there is none."""
    cdef Value out
    cdef unsigned char tag
    out.kind, out.number, out.real, out.span.p, out.span.n = K_BAD, 0, 0, NULL, 0
    if at.bad or at.p >= at.end:
        at.bad = True
        return out
    tag = at.p[0]
    at.p += 1
    if tag < 0x80:
        out.kind, out.number = K_NUMBER, tag
    elif tag >= 0xe0:
        out.kind, out.number = K_NUMBER, <int8_t>tag
    elif tag < 0x90:
        take_entries(at, tag & 15, &out, K_MAP)
    elif tag < 0xa0:
        take_entries(at, tag & 15, &out, K_LIST)
    elif tag < 0xc0:
        take_span(at, tag & 31, &out, K_TEXT)
    elif tag == 0xc0:
        out.kind = K_NIL
    elif tag == 0xc2 or tag == 0xc3:
        out.kind, out.number = K_BOOL, tag & 1
    elif 0xc4 <= tag <= 0xc6:
        take_span(at, big_endian(at, <size_t>1 << (tag - 0xc4)), &out, K_BYTES)
    elif tag == 0xca or tag == 0xcb:
        take_real(at, tag, &out)
    elif 0xcc <= tag <= 0xd3:
        take_whole(at, tag, &out)
    elif 0xd9 <= tag <= 0xdb:
        take_span(at, big_endian(at, <size_t>1 << (tag - 0xd9)), &out, K_TEXT)
    elif tag == 0xdc or tag == 0xdd:
        take_entries(at, big_endian(at, 2 if tag == 0xdc else 4), &out, K_LIST)
    elif tag == 0xde or tag == 0xdf:
        take_entries(at, big_endian(at, 2 if tag == 0xde else 4), &out, K_MAP)
    if out.kind == K_BAD:
        at.bad = True
    return out


cdef int64_t take_kind(Packed* at, Kind kind) noexcept nogil:
    """The number of a value that must be of a kind; 0 and bad where it is not."""
    cdef Value value = take(at)
    if value.kind != kind:
        at.bad = True
        return 0
    return value.number


cdef int64_t take_number(Packed* at) noexcept nogil:
    """A number below 2**63."""
    return take_kind(at, K_NUMBER)


cdef int64_t take_list(Packed* at) noexcept nogil:
    """How many entries the list that begins here has."""
    return take_kind(at, K_LIST)


cdef int64_t take_map(Packed* at) noexcept nogil:
    """How many entries the map that begins here has."""
    return take_kind(at, K_MAP)


cdef Span take_string(Packed* at, Kind kind) noexcept nogil:
    cdef Value value = take(at)
    if value.kind != kind:
        at.bad = True
        value.span.p, value.span.n = NULL, 0
    return value.span


cdef Span take_bytes(Packed* at) noexcept nogil:
    """A byte string."""
    return take_string(at, K_BYTES)


cdef Span take_text(Packed* at) noexcept nogil:
    """Text (UTF-8, not checked)."""
    return take_string(at, K_TEXT)


cdef dict map_object(Packed* at, int64_t count, const char* errors, int depth):
    cdef dict result = {}
    cdef int64_t i
    for i in range(count):
        key = take_object(at, errors, depth)
        if at.bad or type(key) is list or type(key) is dict:
            at.bad = True
            break
        result[key] = take_object(at, errors, depth)
    return result


cdef list list_object(Packed* at, int64_t count, const char* errors, int depth):
    cdef list result = []
    cdef int64_t i
    for i in range(count):
        result.append(take_object(at, errors, depth))
        if at.bad:
            break
    return result


cdef object take_object(Packed* at, const char* errors, int depth):
    """The next value as an object; None and `bad` where there is none. UnicodeDecodeError: text that is no UTF-8."""
    cdef Value value = take(at)
    if value.kind == K_NUMBER:
        return value.number
    if value.kind == K_BYTES:
        return value.span.p[:value.span.n]
    if value.kind == K_TEXT:
        return PyUnicode_DecodeUTF8(value.span.p, value.span.n, errors)
    if value.kind == K_LIST or value.kind == K_MAP:
        if depth >= DEPTH:
            at.bad = True
            return None
        if value.kind == K_LIST:
            return list_object(at, value.number, errors, depth + 1)
        return map_object(at, value.number, errors, depth + 1)
    if value.kind == K_HUGE:
        return <uint64_t>value.number
    if value.kind == K_FLOAT:
        return value.real
    if value.kind == K_BOOL:
        return value.number != 0
    return None


# ---- for Python

def unpack(const unsigned char[::1] data not None, *, bint escape=False) -> object:
    """The one value in `data`; `escape`: bytes that are no UTF-8 become lone surrogates. ValueError where it is not exactly one."""
    cdef Packed at = packed(NULL, 0)
    if data.shape[0]:
        at = packed(<const char*>&data[0], data.shape[0])
    value = take_object(&at, b"surrogateescape" if escape else b"strict", 0)
    if at.bad or at.p != at.end:
        raise ValueError("not one msgpack value")
    return value
