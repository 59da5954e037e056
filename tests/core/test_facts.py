"""cleanup's header pass against its oracle, whole and cut short."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfix.cleanup import facts
from pyfix.cleanup.tidy import shortened, tidied, tidied_line
from tests.oracle import facts as oracle

NAMES = [b"Received", b"received", b"Message-ID", b"MESSAGE-id", b"Bcc", b"BCC ", b"Return-Path", b"Content-Length",
         b"Resent-Bcc", b"Resent-To", b"Date", b"From", b"To", b"Cc", b"X", b"Subject", b"Messag", b"Received1"]
LINES = st.one_of(
    st.tuples(st.sampled_from(NAMES), st.binary(max_size=12)).map(lambda x: x[0] + b":" + x[1].replace(b"\n", b"")),
    st.sampled_from([b" folded", b"\tfolded", b"", b"no field", b":", b" : x", b"a b: c", b".", b"\r", b"From x", b"Subject \t: y", b"\0"]))
HEADERS = st.lists(LINES, max_size=12).map(lambda lines: b"".join(line + b"\r\n" for line in lines))


def is_loose(found):
    return found["loose"]


def check(data):
    got, want = facts.facts_of(data), oracle.facts_of(data)
    assert got["ended"]
    assert {name: got[name] for name in want} == want


@given(HEADERS, st.sampled_from([b"", b"\r\n", b"\r\nbody: x\r\n", b"no end of line"]))
def test_agrees_with_the_oracle(header, rest):
    check(header + rest)


@given(HEADERS)
def test_a_header_cut_anywhere_has_not_ended_or_reads_the_same(header):
    data = header + b"\r\nbody\r\n"
    whole = facts.facts_of(data)
    for cut in range(len(data)):
        part = facts.facts_of(data[:cut], False)
        if part["ended"]:
            assert part == whole | {"body": part["body"]}


@pytest.mark.parametrize("data, end, blank", [
    (b"", 0, False), (b"\r\n", 0, True), (b"a: b\r\n\r\nx", 6, True), (b"no field\r\n", 0, False), (b"\r;", 0, False),
    (b" leading\r\na: b\r\n", 0, False), (b"a: b\r\n continued\r\nnot a field\r\n", 18, False)])
def test_where_a_header_ends(data, end, blank):
    got = facts.facts_of(data)
    assert (got["end"], got["blank"]) == (end, blank)


def test_more_fields_to_drop_than_fit_are_reported():
    got = facts.facts_of(b"Bcc: x\r\n" * 65 + b"\r\n")
    assert got["overflow"] and len(got["drop"]) == 64


@pytest.mark.parametrize("field, odd", [
    (b"To: a@b.example", False), (b"To: Jo Doe <a@b.example>", False), (b"To: a@b.example,\r\n c.d@e.example", False),
    (b"From: <a@b.example>", False), (b"To: a@b", True), (b"To: a", True), (b"To: \"Jo\" <a@b.example>", True),
    (b"To: a@b.example (c)", True), (b"To: a%c@b.example", True), (b"To: b!a@b.example", True), (b"To: g: a@b.example;", True),
    (b"To: a@b.example.", True), (b"To: a@[1.2.3.4]", True), (b"To: <@x.y:a@b.example>", True), (b"To:", True), (b"To: ", True),
    (b"To: a@b.example,", True), (b"To: a..b@c.example", True), (b"Subject: a", False), (b"Errors-To: a", True),
    (b"Resent-Sender: a", True), (b"Resent-Date: a", False), (b"To: a@b.example c@d.example", True), (b"X-To: a", False)])
def test_which_address_fields_need_the_full_parser(field, odd):
    assert facts.facts_of(field + b"\r\n\r\n")["odd"] is odd


FULL = b"Message-Id: x\r\nDate: x\r\nFrom: a@b.c\r\n"


@pytest.mark.parametrize("header, lacks", [
    (FULL, False), (FULL[15:], True), (b"Resent-To: x\r\n" + FULL, True),
    (b"Resent-From: x\r\nResent-Date: x\r\nResent-Message-Id: x\r\n", False)])
def test_which_headers_lack_fields(header, lacks):
    assert facts.facts_of(header + b"\r\n")["lacks"] is lacks


@pytest.mark.parametrize("header, loose", [
    (b"Subject: x\r\n", False), (b"Subject : x\r\n", True), (b"a: b\r\nReceived\t: x\r\n", True), (b"a: b\0c\r\n", False),
    (b"a: b :c\r\n", False), (b"a: b\r\n c : d\r\n", False), (b"", False)])
@pytest.mark.parametrize("body", [b"", b"\r\nx\0y\r\nz : a\r\n", b"no field\0\r\n"])
def test_which_headers_have_a_blank_before_a_colon(header, loose, body):
    assert is_loose(facts.facts_of(header + body)) is loose


@given(HEADERS)
def test_a_tidied_header_is_tidy_and_has_the_same_fields(header):
    whole = facts.facts_of(header)
    kept = tidied(header[:whole["end"]])
    again = facts.facts_of(kept)
    assert not is_loose(again) and b"\0" not in kept and again["end"] == len(kept)
    assert [len(again["drop"]), again["received"], again["present"]] == [
        len(whole["drop"]), whole["received"], whole["present"] & ~facts.Field.F_LOOSE]
    assert is_loose(whole) or b"\0" in header[:whole["end"]] or kept == header[:whole["end"]]


@pytest.mark.parametrize("line, kept", [
    (b"Subject : x\r", b"Subject: x\r"), (b"Subject \t :x", b"Subject:x"), (b"a: b\0c\r", b"a: b\r"), (b" a : b\0\0\r", b" a : b\r"), (b"a : \0\r", b"a: \r"),
    (b"a: b : c", b"a: b : c"), (b"\0", b"")])
def test_a_line_is_tidied(line, kept):
    assert tidied_line(line) == kept


@pytest.mark.parametrize("header, kept", [
    (b"A: bcd\r\nB: c\r\n", b"A: bc\r\nB: c\r\n"), (b"A: b\r\n c\r\n d\r\n", b"A: b\r\n"), (b"A:\r\n cd\r\nB:\r\n", b"A:\r\n c\r\nB:\r\n"),
    (b"A: bc\r\n\r\n", b"A: bc\r\n\r\n"), (b"", b""), (b" x\r\nA: b\r\n", b" x\r\nA: b\r\n")])
def test_the_excess_of_a_field_is_left_out_and_never_makes_an_empty_line(header, kept):
    assert shortened(header, 5) == kept
