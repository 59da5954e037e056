# RFC 5322 address tokens; see tok822.pyx.

cdef enum TokenKind:
    ATOM = 256
    QSTRING = 257
    COMMENT = 258
    DOMLIT = 259
    ADDR = 260
    STARTGRP = 261

cdef struct Token:
    int kind            # an operator character, or a TokenKind
    int next            # index of the token to the right, -1 at the end
    int head            # ADDR: index of its first member, -1 none
    size_t start        # where its text is in Tokens.text
    size_t length

cdef struct Tokens:
    Token* node
    int used
    int room
    char* text
    size_t filled

cdef int tokens_open(Tokens* t, size_t length, int limit) noexcept nogil
cdef void tokens_close(Tokens* t) noexcept nogil
cdef int scan_tokens(Tokens* t, const char* p, size_t n, int limit) noexcept nogil
cdef int parse_tokens(Tokens* t, const char* p, size_t n, int limit) noexcept nogil
cdef size_t internal_form(Tokens* t, int first, bint inside, char* out) noexcept nogil
