"""xtext and utf-8-addr-xtext: the core and its plain twin agree, nothing harmful is ever decoded, what is encoded comes back."""

from hypothesis import given
from hypothesis import strategies as st

from pyfix._core import xtext as core
from tests.oracle import xtext as oracle

pieces = st.one_of(st.binary(max_size=3), st.sampled_from(
    [b"+", b"+4", b"+41", b"+0A", b"+00", b"+C3+A4", b"+7f", b"=", b"\\", b"\\x", b"\\x{", b"\\x{}", b"\\x{41}", b"\\x{E4}", b"\\x{0}",
     b"\\x{1F600}", b"\\x{110000}", b"\\x{D800}", b"\\x{00000E4}", b"}", b" ", "\u00e4".encode()]))
values = st.lists(pieces, max_size=8).map(b"".join)
texts = st.text(st.characters(min_codepoint=32, exclude_categories=["Cc", "Cs"]), max_size=40)


@given(values)
def test_as_the_oracle(value):
    assert core.unxtext(value) == oracle.unxtext(value)
    assert core.unxtext(value, True) == oracle.unxtext(value, True)
    assert core.unuxtext(value) == oracle.unuxtext(value)
    assert core.xtext(value) == oracle.xtext(value)


@given(values)
def test_nothing_harmful_is_decoded(value):
    assert all(32 <= c < 127 for c in core.unxtext(value) or b"")
    for decoded in (core.unxtext(value, True), core.unuxtext(value)):
        assert decoded is None or (decoded.decode("utf-8") is not None and all(c >= 32 and c != 127 for c in decoded))


@given(texts)
def test_there_and_back(text):
    value = text.encode()
    assert core.uxtext(value) == oracle.uxtext(text) and core.unuxtext(core.uxtext(value)) == value
    assert core.unxtext(core.xtext(value), True) == value
    for kind in (b"utf-8;", b"rfc822;", b"x-kind;"):
        assert core.orcpt(core.to_wire(kind + value)) == kind + value


@given(values)
def test_orcpt(value):
    assert core.orcpt(b"rfc822;" + value) == (None if (got := oracle.unxtext(value, True)) is None else b"rfc822;" + got)
    assert core.orcpt(b"UTF-8;" + value) == (None if (got := oracle.unuxtext(value)) is None else b"UTF-8;" + got)
    assert core.orcpt(b";" + value) is None and core.orcpt(value.replace(b";", b"")) is None
