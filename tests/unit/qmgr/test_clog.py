"""Warnings of a destination that fills the active queue: when, how often, and what they advise (the wording is an interface)."""

from pyfix.qmgr.clog import LAST_WORDS, Clog
from pyfix.qmgr.parameters import SECOND
from pyfix.qmgr.scheduler import Limits
from tests.kit.qmgr import World


def crowded(count, concurrency=2, others=1, **parameters):
    """(World, its Clog) with `count` messages for example.com and `others` for other destinations."""
    world = World(limits=lambda name: Limits(concurrency=concurrency), **{"active_limit": 20, "clog_warn": 300 * SECOND, **parameters})
    world.agent()
    for n in range(count):
        world.message(b"u%d@example.com" % n)
    for n in range(others):
        world.message(b"x@other%d.example" % n)
    world.turn()
    world.log.clear()
    return world, Clog(world.manager)


def warned(world, clog):
    clog.look(world.clock.time)
    lines = [line.removeprefix("warning: ") for line in world.log]
    world.log.clear()
    return lines


def test_a_destination_with_more_than_a_fifth():
    assert warned(*crowded(4)) == []
    assert warned(*crowded(5)) == ["mail for example.com is using up 5 of 6 active queue entries", "this may slow down other mail deliveries",
                                   "you may need to increase the main.cf smtp_destination_concurrency_limit from 2", *LAST_WORDS]
    assert warned(*crowded(5, clog_warn=0)) == []


def test_what_is_advised():
    def advice(*arguments, **more):
        return warned(*crowded(*arguments, **more))[1:-3]
    assert advice(19, others=1) == ["you may need to increase the main.cf smtp_destination_concurrency_limit from 2"]
    assert advice(19, 30, others=1) == ["you may need a separate master.cf transport for example.com"]
    assert advice(6, 30, others=6) == ["this may slow down other mail deliveries", "you may need a separate master.cf transport for example.com"]
    assert advice(19, 30, others=0)[0] == "you may need to reduce smtp connect and helo timeouts" and len(advice(19, 30, others=0)) == 5


def test_once_in_a_while():
    world, clog = crowded(10)
    assert warned(world, clog)
    for seconds, again in ((1, False), (298, False), (2, True), (1, False)):
        world.clock.time += seconds * SECOND
        assert bool(warned(world, clog)) == again
