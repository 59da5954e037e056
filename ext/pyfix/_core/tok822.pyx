# cython: boundscheck=False
"""RFC 5322 address lists: text to tokens, tokens to a tree, and back to text.

Law: nothing of the text is thrown away; what is not understood stays where it
stood; a comma that is missing between two addresses is supplied. Beyond the
RFC, "%" "!" and "|" are operators, and 8-bit text is ordinary text. Reading
goes from left to right into tokens, grouping from right to left, because only
then is "<" known to end a phrase and ":" to open a group.

Source: RFC 5322 section 3.4; postconf(5) header_address_token_limit; the answers
of Postfix's own address parser.
"""

from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcpy

from pyfix._core.quote import quote

OP_ADDR, OP_ATOM, OP_QSTRING, OP_COMMENT, OP_DOMLIT, OP_STARTGRP = ADDR, ATOM, QSTRING, COMMENT, DOMLIT, STARTGRP

# How much text beside its address an entry of a list may have when it is written again.
cdef enum:
    MAX_BESIDE = 250

cdef enum Expect:
    WORD_OK = 1             # a word may come without a comma
    GROUP_OK = 2            # a ":" opens a group


cdef inline bint is_blank(unsigned char c) noexcept nogil:
    return c == 32 or c == 9 or c == 13 or c == 10


cdef inline bint is_operator(unsigned char c) noexcept nogil:
    """One of | % ! ( ) < > @ , ; : \\ " . [ ]"""
    return c != 0 and memchr(b"|%!()<>@,;:\\\".[]", c, 16) != NULL


cdef int tokens_open(Tokens* t, size_t length, int limit) noexcept nogil:
    """Room for the tree of a text of `length` bytes with at most `limit` tokens (0: no limit). -1: no memory.

    Every token takes at least one byte of text, every group one token, every supplied
    comma one group, and no token's text is longer than the bytes it came from.
    """
    cdef size_t tokens = length if limit <= 0 or length < <size_t> limit else <size_t> limit
    t.used, t.filled = 0, 0
    t.room = <int> (3 * tokens + 1)
    t.node = <Token*> malloc(<size_t> t.room * sizeof(Token))
    t.text = <char*> malloc(length + 1)
    if t.node == NULL or t.text == NULL:
        tokens_close(t)
        return -1
    return 0


cdef void tokens_close(Tokens* t) noexcept nogil:
    free(t.node)
    free(t.text)
    t.node, t.text = NULL, NULL


cdef inline int add_token(Tokens* t, int kind, int next_one) noexcept nogil:
    cdef int i = t.used
    t.used += 1
    t.node[i].kind, t.node[i].next, t.node[i].head = kind, next_one, -1
    t.node[i].start, t.node[i].length = t.filled, 0
    return i


cdef inline void put_text(Tokens* t, int i, char c) noexcept nogil:
    t.text[t.filled] = c
    t.filled += 1
    t.node[i].length += 1


cdef size_t read_comment(Tokens* t, int i, const char* p, size_t at, size_t n) noexcept nogil:
    """Copies a comment with its parentheses, nested ones too; `at` is behind the first "("."""
    cdef int level = 1
    put_text(t, i, b"(")
    while at < n and level > 0:
        if p[at] == b"\\" and at + 1 < n:
            put_text(t, i, p[at])
            at += 1
        elif p[at] == b"(":
            level += 1
        elif p[at] == b")":
            level -= 1
        put_text(t, i, p[at])
        at += 1
    return at


cdef size_t read_text(Tokens* t, int i, const char* p, size_t at, size_t n, char until) noexcept nogil:
    """Copies up to `until` (not copied; 0: up to a blank or operator); "\\" protects one byte; line ends become blanks."""
    while at < n:
        if p[at] == b"\\":
            at += 1
            if at == n:
                break
        elif until != 0:
            if p[at] == until:
                return at + 1
        elif is_blank(p[at]) or is_operator(p[at]):
            break
        put_text(t, i, 32 if is_blank(p[at]) else p[at])
        at += 1
    return at


cdef int atom_kind(Tokens* t, int i) noexcept nogil:
    """QSTRING where a protected byte made an atom into something that must be quoted again."""
    cdef size_t k
    cdef unsigned char c
    for k in range(t.node[i].start, t.node[i].start + t.node[i].length):
        c = t.text[k]
        if c <= 32 or c == 127 or is_operator(c):
            return QSTRING
    return ATOM


cdef int scan_tokens(Tokens* t, const char* p, size_t n, int limit) noexcept nogil:
    """Tokens of `p` in order, nodes 0 to the result - 1, each linked to its right neighbour."""
    cdef size_t at = 0
    cdef unsigned char c
    cdef int i, count = 0
    while at < n:
        c = p[at]
        if is_blank(c):
            at += 1
            continue
        i = add_token(t, c, -1)
        if i > 0:
            t.node[i - 1].next = i
        if c == b"(":
            t.node[i].kind = COMMENT
            at = read_comment(t, i, p, at + 1, n)
        elif c == b"[" or c == b'"':
            t.node[i].kind = DOMLIT if c == b"[" else QSTRING
            at = read_text(t, i, p, at + 1, n, b"]" if c == b"[" else b'"')
        elif c != b"\\" and is_operator(c):
            at += 1
        else:
            at = read_text(t, i, p, at, n, 0)
            t.node[i].kind = atom_kind(t, i)
        count += 1
        if limit > 0 and count >= limit:
            break
    return count


cdef int flush_group(Tokens* t, int* pending, int out, bint comma) noexcept nogil:
    """Puts the tokens gathered in `pending` in front of `out` as one address, with a comma before it if asked."""
    cdef int group
    if pending[0] < 0:
        return out
    group = add_token(t, ADDR, out)
    t.node[group].head = pending[0]
    pending[0] = -1
    return add_token(t, b",", group) if comma else group


cdef inline int push(Tokens* t, int i, int onto) noexcept nogil:
    t.node[i].next = onto
    return i


cdef inline bint ends_phrase(int kind) noexcept nogil:
    return kind == b">" or kind == b";" or kind == b"," or kind == b":"


cdef int group_route(Tokens* t, int i, int* pending, int* out) noexcept nogil:
    """At ">" : what is between the brackets is an address, the phrase before "<" stays words. Returns where to go on."""
    out[0] = push(t, i, flush_group(t, pending, out[0], True))
    i -= 1
    while i >= 0 and t.node[i].kind != b"<":
        if t.node[i].kind == COMMENT:
            out[0] = push(t, i, out[0])
        else:
            pending[0] = push(t, i, pending[0])
        i -= 1
    out[0] = flush_group(t, pending, out[0], False)
    while i >= 0 and not ends_phrase(t.node[i].kind):
        out[0] = push(t, i, out[0])
        i -= 1
    return i


cdef int group_named(Tokens* t, int i, int* pending, int* out) noexcept nogil:
    """At ":" left of a ";": the name before it stays words. Returns where to go on: at a comma or before the start."""
    t.node[i].kind = STARTGRP
    out[0] = flush_group(t, pending, out[0], False)
    while i >= 0 and t.node[i].kind != b",":
        out[0] = push(t, i, out[0])
        i -= 1
    return i


cdef int parse_tokens(Tokens* t, const char* p, size_t n, int limit) noexcept nogil:
    """The tree of address list `p`: index of its first node, -1 if there is none."""
    cdef int i = scan_tokens(t, p, n, limit) - 1
    cdef int out = -1, pending = -1, state = WORD_OK, kind
    cdef bint settled = False
    while i >= 0:
        kind = t.node[i].kind
        if kind == COMMENT:
            out = push(t, i, out)
        elif kind == b";" or kind == b",":
            out = push(t, i, flush_group(t, &pending, out, kind == b";"))
            state = (GROUP_OK | WORD_OK) if kind == b";" else (state | WORD_OK)
        elif kind == b":" and state & GROUP_OK:
            i = group_named(t, i, &pending, &out)
            settled = True
            continue
        elif kind == b">":
            i = group_route(t, i, &pending, &out)
            state |= WORD_OK
            settled = True
            continue
        elif kind >= ATOM:
            if not state & WORD_OK:
                out = flush_group(t, &pending, out, True)
            state &= ~WORD_OK
            pending = push(t, i, pending)
        else:
            state |= WORD_OK
            if settled:
                out = push(t, i, out)
            else:
                pending = push(t, i, pending)
        settled = False
        i -= 1
    return flush_group(t, &pending, out, False)


cdef inline bint is_word(int kind) noexcept nogil:
    return kind >= ATOM and kind <= ADDR


cdef inline bint blank_after(Tokens* t, int i) noexcept nogil:
    cdef int right = t.node[i].next
    if right < 0:
        return False
    if t.node[i].kind == b"," or t.node[i].kind == STARTGRP or t.node[right].kind == b"<":
        return True
    return is_word(t.node[i].kind) and is_word(t.node[right].kind)


cdef size_t internal_form(Tokens* t, int first, bint inside, char* out) noexcept nogil:
    """Writes the unquoted form of the list that starts at `first`; returns its length.

    `inside`: members of an address, between which no blank is put.
    `out` holds t.filled + 3 * t.used bytes.
    """
    cdef size_t n = 0
    cdef int i = first, kind
    while i >= 0:
        kind = t.node[i].kind
        if kind == ADDR:
            n += internal_form(t, t.node[i].head, True, out + n)
        elif kind >= ATOM and kind != STARTGRP:
            n += put_word(t, i, out + n)
        else:
            out[n] = b":" if kind == STARTGRP else <char> kind
            n += 1
        if not inside and blank_after(t, i):
            out[n] = 32
            n += 1
        i = t.node[i].next
    return n


cdef inline size_t put_word(Tokens* t, int i, char* out) noexcept nogil:
    cdef size_t n = t.node[i].length, shift = 0
    if t.node[i].kind == DOMLIT:
        out[0], out[n + 1], shift = b"[", b"]", 1
    memcpy(out + shift, t.text + t.node[i].start, n)
    return n + 2 * shift


cdef list as_list(Tokens* t, int first):
    """[(kind, text)] in order; an address is (ADDR, [(kind, text)])."""
    cdef list result = []
    cdef int i = first
    while i >= 0:
        if t.node[i].kind == ADDR:
            result.append((ADDR, as_list(t, t.node[i].head)))
        elif t.node[i].kind >= ATOM and t.node[i].kind != STARTGRP:
            result.append((t.node[i].kind, t.text[t.node[i].start:t.node[i].start + t.node[i].length]))
        else:
            result.append((t.node[i].kind, b":" if t.node[i].kind == STARTGRP else bytes((t.node[i].kind,))))
        i = t.node[i].next
    return result


def scan(bytes text not None, int limit=0):
    """Tokens of `text` (external form) as [(kind, text)]; kind is an operator's byte value or one of OP_*.

    `limit`: at most so many tokens, 0 for no limit.
    """
    cdef Tokens t
    cdef int count
    if tokens_open(&t, len(text), limit) < 0:
        raise MemoryError
    try:
        count = scan_tokens(&t, text, len(text), limit)
        return as_list(&t, 0 if count else -1)
    finally:
        tokens_close(&t)


def parse(bytes text not None, int limit=0):
    """Tree of the address list `text` (external form): [(kind, text)], an address being (OP_ADDR, [(kind, text)])."""
    cdef Tokens t
    if tokens_open(&t, len(text), limit) < 0:
        raise MemoryError
    try:
        return as_list(&t, parse_tokens(&t, text, len(text), limit))
    finally:
        tokens_close(&t)


def internalize(list tree not None, bint inside=False, bytes after_comma=b" "):
    """The unquoted form of a tree that scan() or parse() gave."""
    return _join(tree, inside, b"" if inside else after_comma, False)


def externalize(list tree not None, bint inside=False, bytes after_comma=b" ", warn=None):
    """The quoted form of a tree, as it stands in a header; arguments as for internalize()."""
    return _join(tree, inside, b"" if inside else after_comma, True, warn)


cdef bytes strip_entry(bytes entry, bytes address, warn):
    """The entry as it is, or its bare address if there is too much beside that."""
    if len(entry) - (len(address) if address is not None else 0) <= MAX_BESIDE:
        return entry
    if warn is not None:
        warn("stripping too many comments from address: " + entry[:100].decode("utf-8", "replace")
             + ("..." if len(entry) > 100 else ""))
    return b"<" + (address or b"") + b">"


cdef bytes _join(list tree, bint inside, bytes after_comma, bint quoted, warn=None):
    cdef list out = [], entry = []
    cdef bytes address = None, text
    cdef Py_ssize_t i, n = len(tree)
    cdef int kind, right
    for i in range(n):
        kind = tree[i][0]
        text = _word(kind, tree[i][1], quoted)
        right = tree[i + 1][0] if i + 1 < n else 0
        if kind == b"," or kind == b";" or kind == STARTGRP:
            if quoted and not inside and kind != STARTGRP:
                entry = [strip_entry(b"".join(entry), address, warn)]
            out += entry
            out.append(text)
            entry, address = [], None
            if kind == b"," and (right or after_comma == b"\n"):
                out.append(after_comma)
                continue
            if not inside and ((kind == STARTGRP and right) or right == b"<"):
                out.append(b" ")
            continue
        entry.append(text)
        if kind == ADDR or kind == b"<":
            address = text if kind == ADDR else None
        if not inside and right and (right == b"<" or (is_word(kind) and is_word(right))):
            entry.append(b" ")
    if quoted and not inside:
        entry = [strip_entry(b"".join(entry), address, warn)]
    return b"".join(out + entry)


cdef bytes _word(int kind, text, bint quoted):
    cdef bytes inner
    if kind == ADDR:             # of a source route, whose commas keep a blank
        inner = _join(text, True, b" ", False)
        return quote(inner) if quoted else inner
    if kind == DOMLIT:
        return b"[" + (escape(text, b"\\\r\n") if quoted else text) + b"]"
    if kind == QSTRING and quoted:
        return b'"' + escape(text, b'"\\\r\n') + b'"'
    return text


cdef bytes escape(bytes text, bytes special):
    for c in special:
        if c in text:
            break
    else:
        return text
    return b"".join([b"\\" + bytes((c,)) if c in special else bytes((c,)) for c in text])
