"""Traffic: the same seed makes the same messages; distributions; mix files."""

import re
from collections import Counter
from pathlib import Path

import pytest

from pyfix.load import mix
from pyfix.load.traffic import Blob, Pattern, Traffic

MIX = """
recipients = "1:3, 4:1"
sizes = "100:1, 2k:1"
[[tenant]]
weight = 9
sender = "news{u}@shop{d}.test"
senders = 20
sender_domains = 3
[[tenant.to]]
recipient = "user{u}@d{d}.test"
users = 1000
domains = 50
[[tenant]]
weight = 1
sender = "alert@small.test"
[[tenant.to]]
weight = 2
recipient = "ops@small.test"
"""


@pytest.fixture
def tables(tmp_path: Path) -> tuple:
    (tmp_path / "mix.toml").write_text(MIX)
    return mix.load(tmp_path / "mix.toml")


def test_the_same_seed_makes_the_same_messages_in_any_order(tables: tuple) -> None:
    first, second, other = (Traffic(b"r", seed, *tables) for seed in (7, 7, 8))
    forward = [first.example(n) for n in range(50)]
    assert forward == [second.example(n) for n in reversed(range(50))][::-1]
    assert forward != [other.example(n) for n in range(50)]


def test_weights_are_kept(tables: tuple) -> None:
    traffic = Traffic(b"r", 1, *tables)
    letters = [traffic.example(n) for n in range(4000)]
    shops = sum(sender.startswith(b"news") for sender, _, _ in letters)
    counts = Counter(len(recipients) for _, recipients, _ in letters)
    assert 3500 < shops < 3700 and 2850 < counts[1] < 3150 and set(counts) == {1, 4}
    assert len({sender for sender, _, _ in letters}) == 61
    assert all(len(set(recipients)) == len(recipients) for _, recipients, _ in letters)


def test_a_message_has_its_mark_and_its_last_line() -> None:
    traffic = Traffic(b"run1", 1, *mix.plain("a@b.test", "c@d.test", 1, 1, "1000", "3", ""))
    sender, recipients, content = traffic.example(5, 1234567)
    head, _, body = content.partition(b"\r\n\r\n")
    assert (sender, recipients) == (b"a@b.test", [b"c@d.test", b"1c@d.test", b"2c@d.test"])
    assert re.match(rb"X-Load: run1 5 3 [0-9a-f]{16} 1234567 %d [0-9a-f]{8} [0-9a-f]{8}\r\n" % len(body), head + b"\r\n")
    assert body.endswith(b"\r\n-- run1 5\r\n") and len(body) == 1000 + len("-- run1 5\r\n")


@pytest.mark.parametrize(("text", "rows"), [
    ("4096", [(1, 4096)]), ("1:90, 5:9,50:1", [(90, 1), (9, 5), (1, 50)]), ("2k:3,1m", [(3, 2048), (1, 1048576)])])
def test_distributions(text: str, rows: list) -> None:
    assert mix.distribution(text) == rows


def test_a_lognormal_has_its_median() -> None:
    values = [value for _, value in mix.distribution("lognormal:8192:1.2")]
    assert values == sorted(values) and values[31] < 8192 < values[32] and values[-1] > 50_000


@pytest.mark.parametrize("text", ["", "0", "a", "1:", "1:0", "lognormal:1", "5:x", "٣"])
def test_bad_distributions(text: str) -> None:
    if text == "1:":
        assert mix.distribution(text) == [(1, 1)]
        return
    with pytest.raises(mix.MixError):
        mix.distribution(text)


@pytest.mark.parametrize(("text", "why"), [
    ("x = [", "mix.toml"), ("", r"no \[\[tenant\]\]"), ('[[tenant]]\nsender = "a"', "expected an address"),
    ('[[tenant]]\nsender = "a@b"', r"no \[\[tenant.to\]\]"),
    ('recipients="5"\n[[tenant]]\nsender = "a@b"\n[[tenant.to]]\nrecipient = "{u}@c"\nusers = 2', "fewer than the 5")])
def test_bad_mixes(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "mix.toml").write_text(text)
    with pytest.raises(mix.MixError, match=why):
        mix.load(tmp_path / "mix.toml")


def test_a_corpus_keeps_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "one.eml").write_bytes("Subject: x\n\n.dot\nümlaut".encode())
    (_, blob), = mix.corpus(tmp_path)
    assert (blob.head, blob.raw, blob.wire) == (b"Subject: x\r\n", ".dot\r\nümlaut\r\n".encode(), "..dot\r\nümlaut\r\n".encode())
    assert blob.eight_bit and not blob.marked
    (tmp_path / "two.eml").write_bytes(b"no body")
    with pytest.raises(mix.MixError, match="no empty line"):
        mix.corpus(tmp_path)


def test_bodies_must_be_clean() -> None:
    for body in (b"no end", b"bare\nlf\r\n", b"bare\rcr\r\n", b""):
        with pytest.raises(ValueError, match="CRLF"):
            Blob(body)
    for size in (1, 2, 3, 69, 70, 71, 4096):
        assert abs(len(mix.body(size)) - size) <= 1
    assert Pattern("a@b").example(index=3) == b"3a@b" and Pattern("{u}@{d}").example(5, 6, 3) == b"5@6"
