"""Profiles: each kind of misbehaviour, on a clock of the test's own."""

from pathlib import Path

import pytest

from pyfix.load import profile
from pyfix.load.profile import Script

A, B = "192.0.2.1", "198.51.100.1"


def rcpt(script: Script, now: float = 0.0, recipient: bytes = b"r@x", address: str = A) -> int:
    verdict = script.rcpt(address, b"s@y", recipient, now)
    return verdict.code if verdict else 0


def test_all_that_come_with_the_package_are_good() -> None:
    assert {"bigmail", "corporate", "flaky", "greylist", "slow", "throttle", "closed"} <= set(profile.names())
    for name in profile.names():
        Script(profile.load(name))


def test_a_plain_script_accepts() -> None:
    script = Script({})
    assert script.connect(A, 0) is script.mail(A, 99, 0) is script.rcpt(A, b"", b"r", 0) is None
    assert script.data(A, 0) is script.end(A, 0) is None and not script.remembers


def test_an_unknown_user_stays_unknown_and_a_chance_is_drawn_anew() -> None:
    script = Script({"unknown": 0.3, "defer": 0.5})
    users = [b"u%d@x" % n for n in range(500)]
    unknown = {user for user in users if rcpt(script, recipient=user) == 550}
    assert 100 < len(unknown) < 200
    assert unknown == {user for user in users if rcpt(script, recipient=user) == 550}
    known = next(user for user in users if user not in unknown)
    codes = [rcpt(script, recipient=known) for _ in range(200)]
    assert 60 < codes.count(0) < 140 and {code // 100 for code in codes} == {0, 4}


def test_greylisting() -> None:
    script = Script({"greylist": 300})
    assert rcpt(script, 0) == 450 and rcpt(script, 299) == 450 and rcpt(script, 300) == 0
    assert rcpt(script, 300, b"other@x") == 450
    assert rcpt(script, 301, address="192.0.2.99") == 0, "the same network"
    assert rcpt(script, 301, address=B) == 450


def test_connection_limits() -> None:
    script = Script({"connections": 2})
    assert script.connect(A, 0) is script.connect(A, 0) is None
    assert script.connect(A, 0).code == 421 and script.connect(B, 0) is None
    script.left(A)
    script.left(A)
    assert script.connect(A, 0) is None
    script = Script({"connection_rate": "2/10"})
    assert [script.connect(A, now) is None for now in (0, 1, 2, 6, 7)] == [True, True, False, True, False]


def test_rates_and_numbers() -> None:
    script = Script({"message_rate": "2/1", "messages_per_connection": 3, "recipient_rate": "1/100"})
    assert [script.mail(A, n, 0) is None for n in range(3)] == [True, True, False]
    assert script.mail(A, 3, 50).code == 421
    assert (rcpt(script), rcpt(script)) == (0, 452)


def test_delays_and_drops() -> None:
    script = Script({"greet_delay": 2, "delay": 1, "content_delay": 3, "drop_content": 1.0})
    assert script.connect(A, 0).delay == 2 and script.rcpt(A, b"", b"r", 0) == profile.Verdict(1)
    assert script.end(A, 0).delay == 3 and script.data(A, 0).drop
    assert Script({"drop_connect": 1}).connect(A, 0).drop and Script({"drop_rcpt": 1}).rcpt(A, b"", b"", 0).drop
    assert Script({"refuse_all": "554 no"}).connect(A, 0)[1:3] == (554, b"no")


@pytest.mark.parametrize(("text", "why"), [
    ("unknown = 2", "share"), ("delay = -1", "number"), ("message_rate = 'x'", "COUNT/SECONDS"), ("nonsense = 1", "no such setting"),
    ("defer_replies = ['hello']", "CODE"), ("refuse_all = '554 a\\nb'", "printable"), ("= ", "bad.toml")])
def test_bad_profiles(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "bad.toml").write_text(text.replace("'", '"'))
    with pytest.raises(profile.ProfileError, match=why):
        Script(profile.load(str(tmp_path / "bad.toml")))
    with pytest.raises(profile.ProfileError, match="no such profile"):
        profile.load("nothing")
