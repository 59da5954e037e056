"""Canonical forms, in the order that trivial-rewrite(8) gives them, and masquerading."""

import pytest

from pyfix._core.rewrite import RewriteRules, masquerade

LOCAL = RewriteRules(b"example.com", b"example.com", append_dot_mydomain=True)
PLAIN = RewriteRules(b"host", b"example.com", False, False, False, False)


@pytest.mark.parametrize(("text", "want"), [
    (b"", b""), (b"@", b"@"), (b"u", b"u@example.com"), (b"u@h", b"u@h.example.com"), (b"u@h.d", b"u@h.d"),
    (b"u@h.d.", b"u@h.d"), (b"u@h.d..", b"u@h.d.."), (b"u@.", b"u@."), (b"u@", b"u@"),
    (b"h!u", b"u@h.example.com"), (b"h!u@d.e", b"h!u@d.e"), (b"u%h", b"u@h.example.com"),
    (b"u%h%i.j", b"u%h@i.j"), (b"a!b!c", b"b!c@a.example.com"), (b"@r,@s:u@d.e", b"u@d.e"),
    (b"u@[1.2.3.4]", b"u@[1.2.3.4]"), (b"a b", b"a b@example.com"), (b"a@b@c", b"a@b@c.example.com"),
])
def test_local_context(text, want):
    assert LOCAL.rewrite(text) == want


@pytest.mark.parametrize("text", [b"u", b"u@h", b"h!u", b"u%h", b"a b"])
def test_nothing_is_done_unasked(text):
    assert PLAIN.rewrite(text) == text


def test_origin_without_dot_is_completed_too():
    assert RewriteRules(b"host", b"example.com", append_dot_mydomain=True).rewrite(b"u") == b"u@host.example.com"
    assert RewriteRules(b"host", b"example.com").rewrite(b"u") == b"u@host"


@pytest.mark.parametrize(("text", "want"), [
    (b"x@a.b.c", b"x@b.c"), (b"x@A.B.C", b"x@b.c"), (b"x@b.c", b"x@b.c"), (b"x@a.n.b.c", b"x@a.n.b.c"),
    (b"x@xb.c", b"x@xb.c"), (b"x", b"x"), (b"x@d", b"x@d"),
])
def test_masquerade(text, want):
    assert masquerade(text, (b"!n.b.c", b"b.c")) == want


def test_external_form_of_nothing():
    assert LOCAL.rewrite_external(b"@") == b'""' == LOCAL.rewrite_external(b'""')
