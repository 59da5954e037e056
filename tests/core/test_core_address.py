"""Paths, parts and extensions: what an SMTP client may say and what address it means."""

import pytest

from pyfix._core import address as a
from pyfix._core import tok822
from pyfix._core.command import tokens

ORDINARY = [b"user@example.com", b"a.b-c_d+e=f@x.y", b"a%b@c", b"h!u@d", b"postmaster", b"a@b@c", b"a..b@c",
            "jürgen@exämple.de".encode(), b"a@b.", b"@x"]


@pytest.mark.parametrize("text", ORDINARY)
@pytest.mark.parametrize("brackets", [b"<%b>", b"%b"])
def test_ordinary_path_is_itself(text, brackets):
    assert a.parse_path(brackets % text) == (text, 0)


@pytest.mark.parametrize(("text", "want"), [
    (b"<@a,@b:u@d>", b"u@d"),
    (b'<"a b"@c>', b"a b@c"),
    (b'<"a\\"b"@c>', b'a"b@c'),
    (b"<a\\ b@c>", b"a b@c"),
    (b"<u @ d>", b"u@d"),
    (b"<u@d (comment)>", b"u@d"),
    (b"Some One <u@d>", b"u@d"),
    (b"u@d (Some (nested) One)", b"u@d"),
    (b"<u@[1.2.3.4]>", b"u@[1.2.3.4]"),
    (b"u@[1.2.3.4", b"u@[1.2.3.4]"),
    (b"<<u@d>>", b"u@d"),
    (b'<"">', b""),
])
def test_odd_path(text, want):
    assert a.parse_path(text, allow_empty=True) == (want, 0)


@pytest.mark.parametrize(("text", "strict", "error"), [
    (b"<a@b> <c@d>", False, a.SEVERAL),
    (b"<a@b, c@d>", False, a.SEVERAL),
    (b"a@b c@d", False, a.SEVERAL),
    (b"u@d", True, a.SYNTAX),
    (b"<u@d (c)>", True, a.SYNTAX),
    (b"X <u@d>", True, a.SYNTAX),
    (b"<@d>", True, a.ROUTED),
    (b"<>", False, a.EMPTY),
    (b"", False, a.EMPTY),
    (b"<u\0@d>", False, a.NUL),
])
def test_refused_path(text, strict, error):
    assert a.parse_path(text, strict) == (None, error)


def test_null_path_is_well_for_mail():
    assert a.parse_path(b"<>", allow_empty=True) == (b"", 0)
    assert a.parse_path(b"<>", strict=True, allow_empty=True) == (b"", 0)


def test_long_path_needs_no_stack():
    local = b'"' + b"x " * 3000 + b'"'
    assert a.parse_path(b"<" + local + b"@d>") == (b"x " * 3000 + b"@d", 0)


@pytest.mark.parametrize(("line", "words"), [
    (b"MAIL FROM:<a@b> SIZE=1", [b"MAIL", b"FROM:", b"<a@b>", b"SIZE=1"]),
    (b"rcpt to:  <a b>  X", [b"rcpt", b"to:", b"<a b>", b"X"]),
    (b"MAIL FROM: <>", [b"MAIL", b"FROM:", b"<>"]),
    (b"x\\ y", [b"x\\ y"]),
    (b"x\\", [b"x\\"]),
    (b"", []),
    (b"FROMX:<a>", [b"FROMX:<a>"]),
    (b'<a <b c>> <"<" d>', [b"<a <b c>>", b'<"<" d>']),
])
def test_command_words(line, words):
    assert tokens(line) == [("other", w) for w in words]


@pytest.mark.parametrize("line", [b'<"a>', b'"abc', b"<a", b"<a\\>", b"<a<b>", b"<<a>", b'<"<"<a>'])
def test_unclosed_word(line):
    assert tokens(line) == [("error", line)]


@pytest.mark.parametrize(("text", "delimiters", "want"), [
    (b"u+x@d", b"+", (b"u@d", b"+x")),
    (b"u-x+y@d", b"+-", (b"u+y@d"[:1] + b"@d", b"-x+y")),
    (b"+x@d", b"+", None),
    (b"postmaster+x@d", b"+", (b"postmaster@d", b"+x")),
    (b"Double-Bounce@d", b"-", None),
    (b"mailer-daemon", b"-", None),
    (b"owner-x@d", b"-", None),
    (b"x-REQUEST@d", b"-", None),
    (b"owner-x+y@d", b"+-", None),
    (b"owner-x+y@d", b"+", (b"owner-x@d", b"+y")),
    (b"a+b@c+d@e", b"+", (b"a@e", b"+b@c+d")),
])
def test_extension(text, delimiters, want):
    assert a.strip_extension(text, delimiters) == want




def test_folding_is_ascii_only():
    assert a.fold("ABCÄ\u212a".encode()) == "abcÄ\u212a".encode()


@pytest.mark.parametrize(("text", "internal", "external"), [
    (b"g: a@b; <c@d>", b"g: a@b; <c@d>", b"g: a@b; <c@d>"),
    (b'"x y"@z,q', b"x y@z, q", b'"x y"@z, q'),
    (b"a@[1\\]2]", b"a@[1]2]", b"a@[1]2]"),
    (b"[x\\\\y] <u@d>", b"[x\\y] <u@d>", b"[x\\\\y] <u@d>"),
])
def test_list_forms(text, internal, external):
    tree = tok822.parse(text)
    assert (tok822.internalize(tree), tok822.externalize(tree)) == (internal, external)
