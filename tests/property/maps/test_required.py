"""Words of patterns: the kernel finds what plain Python finds, and no table answers otherwise because of them."""

import re
import tempfile
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfix import maps
from pyfix._core.wordset import WordSet
from pyfix.maps import pattern_table, report
from pyfix.maps.required import choose, required
from tests.oracle import wordset as oracle

WORDS = st.lists(st.text("abc", min_size=1, max_size=40).map(str.encode), max_size=60, unique=True)
TEXT = st.text("abcABC", max_size=200).map(str.encode)
PIECES = ["a", "b", "ab", "A", ".", "^", "$", "*", "+", "?", "{2}", "{0,1}", "{1,}", "(", ")", "(?:", "|", "[ab]", "[^a]", "[]a]",
          "[[:alpha:]]", "\\.", "\\w", "\\b", "\\1", "\\\\", "\\<", "(?i)", "(?!a)", "{", "-", "\\Q", "\\E", "\\d"]
PATTERN = st.lists(st.sampled_from(PIECES), min_size=1, max_size=9).map("".join)
KEYS = st.lists(st.text("abAB.-1", max_size=10).map(str.encode), min_size=1, max_size=6)


@given(WORDS, TEXT)
def test_the_kernel_finds_what_plain_python_finds(words, text):
    made = WordSet(words)
    taken = [number for number in oracle.find(words, text) if made.places[number]]
    assert made.find(text) == taken
    assert made.find(text) == taken


def test_a_crowded_word_is_left_out_and_said():
    words = [b"a" * size for size in range(4, 34)]
    made = WordSet(words)
    assert made.places.count(True) == 16
    assert made.find(b"a" * 100) == [number for number, place in enumerate(made.places) if place]


def rules(patterns):
    """The text of a table: `if` rules stay open to the end of it."""
    return "".join(f"{mark}/{pattern}/ r{at}\n".replace(f" r{at}", "" if "if" in mark else f" r{at}")
                   for at, (mark, pattern) in enumerate(patterns))


@pytest.mark.parametrize("kind", ["pcre", "regexp"])
@given(patterns=st.lists(st.tuples(st.sampled_from(["", "", "", "!", "if ", "if !"]), PATTERN), min_size=1, max_size=6), keys=KEYS)
def test_no_answer_changes(kind, patterns, keys):
    saved, kept = report.sink, pattern_table.Reader._added
    report.set_sink(lambda level, text: None)
    try:
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(rules(patterns))
            file.flush()
            table = maps.open(f"{kind}:{file.name}", flags=0)
            pattern_table.Reader._added = lambda reader, source: None
            plain = maps.open(f"{kind}:{file.name}", flags=0)
        assert [table.get(key) for key in keys] == [plain.get(key) for key in keys]
    finally:
        report.set_sink(saved)
        pattern_table.Reader._added = kept


@pytest.mark.parametrize("pattern, clauses", [
    (b"^user1@", [[b"user1@"]]), (b"^a|b$", [[b"a", b"b"]]), (b"abc?d", [[b"ab"], [b"d"]]), (b"abc+d", [[b"abc"], [b"d"]]),
    (b"(x)y", [[b"x"], [b"y"]]), (b"a{2}b", [[b"a"], [b"b"]]), (b"ab{0,2}", [[b"a"]]), (b"a\\.b", [[b"a.b"]]), (b"[ab]", []),
    (b"\\Qa\\E", []), (b"(?i)abc", []), (b"a|.", []), (b"ABC", [[b"abc"]]), (b"ab+?c", [[b"a"], [b"c"]]), (b"[)]x", [[b"x"]]),
    (b"([)]|\\))x", [[b"x"]]), (b"(*ACCEPT)x", []), (b"a)b", []), (b"x\\", []), (b"", []), (b"[[:digit:]]]z", [[b"]z"]]),
    (b"(foo|ba(r|z))+", [[b"foo", b"ba"]]), (b"(foo|bar)?x", [[b"x"]]), (b"(?!foo)x", [[b"x"]]), (b"(?=foo)x", [[b"x"]]),
    (b"(foo|)x", [[b"x"]]), (b"a(", []), (b"x(ab)*y", [[b"x"], [b"y"]]), (b"(?:ab)c", [[b"ab"], [b"c"]])])
def test_words_of_a_pattern(pattern, clauses):
    assert required(pattern, perl=True).clauses == clauses


def test_classes_of_a_pattern():
    assert required(rb"^[a-z]+\d[^]x](\s|y)[0-9]*", perl=True).classes == {b"[a-z]", rb"\d", b"[^]x]"}
    assert required(rb"\d\w", perl=False).classes == {rb"\w"}


def test_the_rarest_word_is_chosen():
    got = choose([(0, [[b"@"], [b"user1"]]), (1, [[b"@"], [b"user2", b"user3"]]), (2, [[b"@"]])])
    assert got == {b"user1": [0], b"user2": [1], b"user3": [1], b"@": [2]}


@given(PATTERN, TEXT)
def test_a_matching_text_has_the_words(pattern, text):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            found = re.search(pattern.encode(), text, re.IGNORECASE | re.DOTALL)
    except re.error:
        return
    if found and "\\<" not in pattern and "[[:" not in pattern:
        needs = required(pattern.encode(), perl=True)
        assert all(any(word in text.lower() for word in words) for words in needs.clauses)
        assert all(re.search(text_class, text, re.IGNORECASE) for text_class in needs.classes)
