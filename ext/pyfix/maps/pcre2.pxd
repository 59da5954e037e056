"""The part of PCRE2's interface that is used (pcre2api(3)); bound at run time, so that it builds without headers."""

from libc.stdint cimport uint8_t, uint32_t

cdef extern from *:
    """
    #include <dlfcn.h>
    #include <stddef.h>
    #include <stdint.h>
    typedef struct {
        void *(*compile)(const uint8_t *, size_t, uint32_t, int *, size_t *, void *);
        void (*code_free)(void *);
        int (*jit_compile)(void *, uint32_t);
        void *(*match_data_create)(uint32_t, void *);
        void (*match_data_free)(void *);
        int (*match)(const void *, const uint8_t *, size_t, size_t, uint32_t, void *, void *);
        int (*jit_match)(const void *, const uint8_t *, size_t, size_t, uint32_t, void *, void *);
        size_t *(*ovector)(void *);
        void *(*context_create)(void *);
        int (*set_match_limit)(void *, uint32_t);
        int (*set_depth_limit)(void *, uint32_t);
        int (*set_heap_limit)(void *, uint32_t);
        int (*message)(int, uint8_t *, size_t);
        int (*info)(const void *, uint32_t, void *);
    } pyfix_pcre2;
    static pyfix_pcre2 pyfix_pcre;
    #define PYFIX_BIND(field, name) (*(void **) &pyfix_pcre.field = dlsym(library, "pcre2_" name "_8")) != NULL
    static int pyfix_pcre2_load(const char *path)
    {
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        return library != NULL
            && PYFIX_BIND(compile, "compile") && PYFIX_BIND(code_free, "code_free")
            && PYFIX_BIND(jit_compile, "jit_compile") && PYFIX_BIND(match_data_create, "match_data_create")
            && PYFIX_BIND(match_data_free, "match_data_free") && PYFIX_BIND(match, "match")
            && PYFIX_BIND(jit_match, "jit_match") && PYFIX_BIND(ovector, "get_ovector_pointer") && PYFIX_BIND(context_create, "match_context_create")
            && PYFIX_BIND(set_match_limit, "set_match_limit") && PYFIX_BIND(set_depth_limit, "set_depth_limit")
            && PYFIX_BIND(set_heap_limit, "set_heap_limit") && PYFIX_BIND(message, "get_error_message")
            && PYFIX_BIND(info, "pattern_info");
    }
    """
    ctypedef struct Pcre2 "pyfix_pcre2":
        void *(*compile)(const uint8_t *, size_t, uint32_t, int *, size_t *, void *) nogil
        void (*code_free)(void *) noexcept nogil
        int (*jit_compile)(void *, uint32_t) nogil
        void *(*match_data_create)(uint32_t, void *) nogil
        void (*match_data_free)(void *) noexcept nogil
        int (*match)(const void *, const uint8_t *, size_t, size_t, uint32_t, void *, void *) noexcept nogil
        int (*jit_match)(const void *, const uint8_t *, size_t, size_t, uint32_t, void *, void *) noexcept nogil
        size_t *(*ovector)(void *) noexcept nogil
        void *(*context_create)(void *) nogil
        int (*set_match_limit)(void *, uint32_t) nogil
        int (*set_depth_limit)(void *, uint32_t) nogil
        int (*set_heap_limit)(void *, uint32_t) nogil
        int (*message)(int, uint8_t *, size_t) nogil
        int (*info)(const void *, uint32_t, void *) nogil
    Pcre2 pcre2 "pyfix_pcre"
    int pyfix_pcre2_load(const char *path)

cdef enum:
    NOMATCH = -1              # PCRE2_ERROR_NOMATCH
    JIT_STACK = -46           # PCRE2_ERROR_JIT_STACKLIMIT
    NO_JIT = 0x2000
    CAPTURES = 4              # PCRE2_INFO_CAPTURECOUNT
    CUT = -47                 # PCRE2_ERROR_MATCHLIMIT
