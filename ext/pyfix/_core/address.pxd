# Envelope paths and quoting; see address.pyx.

cdef enum PathError:
    PATH_OK = 0
    PATH_SEVERAL = 2            # more than one address
    PATH_SYNTAX = 3             # strict: text beside the address, or no "<"
    PATH_EMPTY = 4              # the null address where it isn't allowed
    PATH_ROUTED = 5             # strict: nothing before "@"
    PATH_NUL = 6                # a NUL byte
    PATH_MEMORY = 7             # no memory

cdef struct Path:
    const char* data            # internal form: within the input, or within `room`
    size_t length
    Py_ssize_t at               # offset of the last "@" in data, -1 if there is none
    int error                   # PathError

cdef int parse_path_into(const char* p, size_t n, bint strict, bint allow_empty, char* room, Path* path) noexcept nogil
cdef Py_ssize_t extension_at(const char* local, size_t n, const char* delimiters, size_t count,
                             bint owner_special, const char* double_bounce) noexcept nogil
