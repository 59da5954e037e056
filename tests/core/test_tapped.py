"""The tapped core: any cut of the input shows the same commands and replies, and says the same."""

import random

import pytest

from pyfix._core.limits import Limits
from pyfix._core.server import ServerCore
from pyfix._core.tapped import TappedCore
from tests.core.test_server import SESSIONS


class Ears:
    """A tap that changes nothing, or all of it."""

    def __init__(self, loud=False):
        self.loud, self.heard = loud, []

    def command(self, line):
        self.heard.append(("in", line))
        return {b"STOP": None}.get(line, line)

    def replies(self, data):
        assert data.endswith(b"\r\n")
        self.heard.append(("out", data))
        return data.replace(b"\r\n", b"!\r\n") if self.loud else data


def played(core, data, cuts=()):
    """What `core` says to `data` when it comes in these pieces; yes to all."""
    out, edges = b"", [0, *sorted(cuts), len(data)]
    waiting = b""
    for start, end in zip(edges, edges[1:], strict=False):
        waiting += data[start:end]
        event = ""
        while event not in ("more", "close"):
            event, used = core.feed(waiting)
            waiting = waiting[used:]
            if event == "data":
                core.accept()
            elif event == "helo":
                core.reply_lines(250, b"250-me\r\n250 PIPELINING\r\n")
            elif event not in ("more", "close", "reset", "slow"):
                core.reply(250, b"2.0.0 yes")
    if isinstance(core, TappedCore):
        core.show()
    out += bytes(core.out.take())
    return out


def tapped(loud=False):
    core = TappedCore(Limits(forbid_pipelining=False))
    core.tap = Ears(loud)
    return core


@pytest.mark.parametrize("number", range(len(SESSIONS)))
def test_it_says_what_the_plain_core_says(number):
    data = b"".join(line for line, _ in SESSIONS[number])
    expected = played(ServerCore(Limits(forbid_pipelining=False)), data)
    core = tapped()
    assert played(core, data) == expected
    assert b"".join(text for way, text in core.tap.heard if way == "out") == expected


@pytest.mark.parametrize("seed", range(20))
def test_any_cut_shows_the_same(seed):
    rng = random.Random(seed)
    data = b"EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nFOO\r\nDATA\r\nx\r\n..\r\n.\r\nRSET\r\nBDAT 3\r\nabcQUIT\r\n"
    whole, cut = tapped(True), tapped(True)
    cuts = rng.sample(range(1, len(data)), rng.randrange(1, 30))
    assert played(whole, data) == played(cut, data, cuts)
    assert [x for x in whole.tap.heard if x[0] == "in"] == [x for x in cut.tap.heard if x[0] == "in"]
    assert b"!!" not in played(tapped(True), data)


def test_a_command_that_can_not_be_known_ends_the_session():
    core = tapped()
    assert played(core, b"STOP\r\nNOOP\r\n") == b"421 4.3.0 localhost Server local data error\r\n"
    assert core.notes == [("local data", b"")]
