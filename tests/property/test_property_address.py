"""Address parsing, quoting and rewriting against their oracles, on text that is made to be odd."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pyfix._core import address, rewrite, tok822
from pyfix._core.command import tokens
from tests.oracle import address as plain_address
from tests.oracle import rewrite as plain_rewrite
from tests.oracle import tok822 as plain_tok822

PIECES = [b"a", b"b.c", b"user", b".", b"..", b"@", b"@", b"!", b"%", b"|", b"[", b"]", b"(", b")", b"<", b">", b",", b":",
          b";", b'"', b"\\", b" ", b"\t", b"\r\n", b"\xc3\xa9", b"[1.2.3.4]", b'"q s"', b"(c)", b"\x01", b"\x7f", b"n: "]
TEXT = st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join)
RULES = [(b"example.com", b"example.com", True, True, True, True), (b"host", b"d.e", True, True, True, True),
         (b"host", b"d.e", False, True, True, False), (b"o.p", b"d.e", True, False, False, True), (b"", b"")]


@settings(max_examples=300, deadline=None)
@given(TEXT, st.sampled_from([0, 0, 1, 5]))
def test_tree(text, limit):
    tree = tok822.parse(text, limit)
    assert tok822.scan(text, limit) == plain_tok822.scan(text, limit)
    assert tree == plain_tok822.parse(text, limit)
    assert tok822.internalize(tree) == plain_tok822.internalize(tree)


@settings(max_examples=200, deadline=None)
@given(TEXT, st.booleans(), st.booleans(), st.booleans())
def test_path(text, brackets, strict, allow_empty):
    path = b"<" + text + b">" if brackets else text
    assert address.parse_path(path, strict, allow_empty)[0] == plain_address.parse_path(path, strict, allow_empty)


@settings(max_examples=200, deadline=None)
@given(TEXT)
def test_quoting_and_its_inverse(text):
    quoted = address.quote(text)
    assert quoted == plain_address.quote(text)
    assert address.unquote(text) == plain_address.unquote(text)
    if not text.startswith(b"@"):
        assert address.unquote(quoted) == text


@settings(max_examples=300, deadline=None)
@given(TEXT, st.sampled_from(RULES))
def test_rewrite(text, rules):
    fast, plain = rewrite.RewriteRules(*rules), plain_rewrite.RewriteRules(*rules)
    assert fast.rewrite(text) == plain.rewrite(text)
    assert fast.rewrite_external(text) == plain.rewrite_external(text)


@settings(max_examples=200, deadline=None)
@given(TEXT, TEXT)
def test_command_words_cover_the_line(head, tail):
    line = head + b" " + tail
    words = tokens(line)
    assert b"".join(b"".join(w for _, w in words).split()) == b"".join(line.split()) or len(words) == 64
    assert all(kind == "other" for kind, _ in words[:-1])
