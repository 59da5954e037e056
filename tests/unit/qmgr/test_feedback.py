"""destination_concurrency_feedback_debug, against what Debian's Postfix 3.7 logged for the same deliveries."""

from pyfix.qmgr.scheduler import Limits
from tests.kit.qmgr import World


def steps(world):
    return [line for line in world.log if line.startswith("qmgr_queue")]


def limits(name):
    return Limits(concurrency=4, initial=1, positive="1 / concurrency")


def test_each_step_of_a_window_is_logged_as_postfix_does():
    world = World(feedback_debug=True, limits=limits)
    agent = world.agent()
    for _ in range(3):
        world.message(b"a@example.com")
    for _ in range(3):
        for who, entry in world.turn():
            world.answer(who, entry)
    queue = "qmgr_queue_unthrottle: queue example.com: limit 4 window"
    assert steps(world)[:4] == [
        "qmgr_queue_unthrottle: feedback 1", f"{queue} 2 success 0 failure 0 fail_cohorts 0",
        "qmgr_queue_unthrottle: feedback 0.5", f"{queue} 2 success 0.5 failure 0 fail_cohorts 0"]


def test_a_window_that_shrinks():
    world = World(feedback_debug=True, limits=lambda name: Limits(concurrency=100, initial=100))
    world.agent()
    for number in range(4):
        world.message(b"u%d@example.com" % number)
    for who, entry in world.turn()[:3]:
        world.refuse(who, entry)
    queue = "qmgr_queue_throttle: queue example.com: limit 100 window"
    assert steps(world) == [
        "qmgr_queue_throttle: feedback 1", f"{queue} 98 success 0 failure 1 fail_cohorts 0.01",
        "qmgr_queue_throttle: feedback 1", f"{queue} 97 success 0 failure 1 fail_cohorts 0.0202041",
        "qmgr_queue_throttle: feedback 1", f"{queue} 96 success 0 failure 1 fail_cohorts 0.0305134"]


def test_a_site_that_dies_has_window_0():
    world = World(feedback_debug=True, limits=limits)
    agent = world.agent()
    world.message(b"a@example.com")
    [(_, entry)] = world.turn()
    world.refuse(agent, entry)
    assert steps(world) == ["qmgr_queue_throttle: queue example.com: limit 4 window 0 success 0 failure 0 fail_cohorts 1"]
    world.log.clear()
    world.sleep(400)
    assert steps(world)[0] == "qmgr_queue_unthrottle: queue example.com: limit 4 window 1 success 0 failure 0 fail_cohorts 0"


def test_nothing_is_logged_where_it_is_off():
    world = World(limits=limits)
    agent = world.agent()
    world.message(b"a@example.com")
    [(_, entry)] = world.turn()
    world.refuse(agent, entry)
    assert world.manager.scheduler.trace is None and steps(world) == []
