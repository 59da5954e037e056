"""Frames of any shape at qmgr's door: refused with PeerError or taken, never another error, and qmgr goes on.

Seeds are the frames of honest processes; hypothesis bends them.
"""

import asyncio
import os
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyfix._core.slots import make_id
from pyfix.errors import PeerError
from pyfix.ipc.messages import COMMITTED, HELLO, OUTCOME, READY
from pyfix.qmgr.callers import Callers
from pyfix.qmgr.server import Server
from pyfix.queue.states import ACTIVE
from tests.kit.qmgr import World

pytestmark = pytest.mark.fuzz

scalars = st.one_of(st.none(), st.booleans(), st.integers(-2**63, 2**64 - 1), st.text(max_size=5), st.binary(max_size=9),
                    st.floats(allow_nan=True), st.sampled_from(["smtp", "error", "sent", "bounced", "", b""]))
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=11), max_leaves=20)
sites = st.lists(st.tuples(st.sampled_from(["smtp", "error", "discard"]) | scalars, st.just("x.example") | scalars,
                           st.lists(st.integers(0, 3), max_size=3) | values).map(list), max_size=3) | values
item = st.tuples(st.integers(1, 999).map(lambda n: make_id(n, 0)) | scalars, st.integers(0, 10**15) | scalars,
                 st.integers(1, 3) | scalars, st.integers(0, 9).map(lambda n: n * 4096) | scalars, st.just(4000) | scalars,
                 st.just(100) | scalars, st.integers(0, 255) | scalars, st.just(b"s@example.org") | scalars,
                 st.integers(1, 4) | scalars, sites).map(list)
result = st.tuples(st.integers(1, 9) | scalars, st.just("") | st.just(["4.4.1", "no"]) | values,
                   st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["sent", "deferred", "bounced"]) | scalars,
                                      st.just("4.0.0") | scalars, st.just("x") | scalars).map(list), max_size=3) | values).map(list)
frame = st.one_of(
    st.tuples(st.just(COMMITTED), st.lists(item, max_size=3) | values).map(list),
    st.tuples(st.just(OUTCOME), st.lists(result, max_size=3) | values).map(list),
    st.tuples(st.just(READY), st.just("smtp"), st.integers(-5, 50) | scalars).map(list),
    st.tuples(st.just(HELLO), st.sampled_from(["agent", "writer", "x"]) | scalars, st.just("smtp") | scalars).map(list),
    st.lists(values, min_size=1, max_size=4).map(lambda rest: [*rest]))


class Link:
    """A connection that swallows what is sent."""

    def send(self, message):
        pass

    send_now = send

    def peer_credentials(self):
        return os.getpid(), os.geteuid(), os.getegid()


def hello(server, link):
    """It is both kinds of process, so that frames of both are looked at."""
    server.on_message(link, [HELLO, "writer", "smtpd", 1, 1])
    server.on_message(link, [HELLO, "agent", "smtp", 1, 1])


@given(st.lists(frame, max_size=12))
@settings(max_examples=60, deadline=None)
def test_frames(frames):
    world, loop = World(), asyncio.new_event_loop()
    callers = Callers(SimpleNamespace(words=lambda name: ["static:anyone"]), None)
    server = Server(world.manager, loop, lambda connection, arguments: None, world.directory.name, callers)
    link = Link()
    hello(server, link)
    server.on_message(link, [READY, "smtp", 50])
    for message in frames:
        if type(message[0]) is not int:     # ipc.connection lets no such frame through
            continue
        try:
            server.on_message(link, message)
            server.turn()
        except PeerError:
            server.on_close(link, None)
            hello(server, link)
    assert all(slot in world.manager.active and world.manager.active[slot].pending for slot in world.store.scan([ACTIVE])[0]), "no next step"
    loop.close()
    world.store.close()
