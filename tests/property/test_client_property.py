"""Random dialogues and random content: core and oracle agree, however the bytes are cut."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pyfix._core import client as core
from pyfix._core import request
from pyfix._core.outgoing import Encoder
from tests.core.test_client import PIPED, PLAIN, run_core, run_oracle
from tests.core.test_outgoing import check
from tests.oracle import outgoing as oracle

CODES = st.sampled_from([b"220", b"250", b"354", b"421", b"450", b"550", b"554", b"999", b"25", b"2500", b"abc", b""])
LINE = st.builds(lambda code, mark, text, end: code + mark + text + end, CODES, st.sampled_from([b" ", b"-", b""]),
                 st.sampled_from([b"ok", b"2.1.0 ok", b"5.1.1 no", b"PIPELINING", b"x\r", b"\0\xff", b"4.7.1", b"SIZE 7"]),
                 st.sampled_from([b"\r\n", b"\n", b"\r\r\n", b""]))
TALK = st.builds(lambda start, lines: start + b"".join(lines), st.sampled_from([b"", b"220 x\r\n", PLAIN, PIPED]),
                 st.lists(LINE, max_size=14))


@settings(max_examples=300, deadline=None)
@given(TALK, st.integers(1, 3), st.booleans(), st.lists(st.integers(0, 300), max_size=4))
def test_dialogue(data: bytes, count: int, lmtp: bool, cuts: list[int]) -> None:
    recipients = [b"r%d@example.com" % i for i in range(count)]
    expected = run_oracle(data, recipients, lmtp)
    assert run_core(data, [], recipients, lmtp) == expected
    assert run_core(data, sorted(cut for cut in set(cuts) if cut < len(data)), recipients, lmtp) == expected


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", b".", b"..", b"a", b"\0", b"x" * 997, b"y" * 998, b"\xff", b" "]), max_size=30))
def test_content(parts: list[bytes]) -> None:
    check(b"".join(parts))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5), st.sampled_from([0, 16, 17, 998]))
def test_content_cut_anywhere(content: bytes, cuts: list[int], limit: int) -> None:
    encoder = Encoder(limit)
    edges = [0, *sorted(cut for cut in cuts if cut <= len(content)), len(content)]
    wire = b"".join(encoder.encode(content[a:b]) for a, b in zip(edges, edges[1:])) + encoder.finish()
    assert wire == oracle.encode(content, limit)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_no_address_breaks_a_command(address: bytes) -> None:
    """What external() lets through has no control byte, and leaves the brackets in balance outside of quotes."""
    try:
        shown = request.external(address)
    except ValueError:
        assert any(c < 32 or c == 127 for c in address)
        return
    assert not any(c < 32 or c == 127 for c in shown)
    local = shown[:shown.rfind(b"@")] if b"@" in shown else shown
    if not local.startswith(b'"'):
        assert b">" not in local and b" " not in local
