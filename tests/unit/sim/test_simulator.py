"""The real qmgr on a virtual clock: no herd, no starvation, one state for each message, Postfix's windows, repeatable."""

import pytest

from bench.sim.audit import audit
from bench.sim.internet import REFUSE, Internet, Provider, Spell
from bench.sim.scenarios import POSTFIX_3_7, growth, herd, limiter, lists, outage, week
from bench.sim.world import Simulation


def test_the_same_seed_gives_the_same_run():
    first, again, other = (week(seed, messages=60, domains=15) for seed in (3, 3, 4))
    assert first == again and other.trace != first.trace


def test_no_herd_at_recovery():
    """400 messages fail together: with pyfix's rules their next attempts are spread, without them they come together."""
    ours, naive = herd(1, 400).figures, herd(1, 400, naive=True).figures
    for when in ("down", "back"):
        assert ours[f"most attempts in a second, {when}"] <= 10 < 30 <= naive[f"most attempts in a second, {when}"]


def test_a_provider_that_is_away_for_three_days_is_asked_gently():
    figures = outage(2, messages=250).figures
    assert figures["attempts in the outage"] <= 5 * 3 * 86400 / 300
    assert figures["most attempts in a second, after"] <= 5 + figures["most attempts in a second, before"]
    assert figures["slowest of the others, seconds"] < 2
    assert figures["seconds until the backlog was gone"] < 4000 + 300 + 60


def test_single_messages_do_not_wait_for_a_list():
    fair, by_age = lists(size=10_000).figures, lists(size=10_000, cost=0).figures
    assert fair["single messages, slowest"] < 5 < 20 < by_age["single messages, slowest"]
    assert fair["the list, seconds"] < 1.1 * by_age["the list, seconds"]


def test_every_message_is_in_one_state_and_ends_once():
    """A bad week: audited each hour, and settled() inside compares with the providers' books."""
    figures = week(5, messages=150, domains=25).figures
    assert figures["audits"] == 143 and figures["returned to sender"] > 0 and figures["delay warnings"] > 0


def test_the_audit_sees_a_message_that_is_forgotten():
    with Simulation(Internet([Provider("a.example", spells=[Spell(0, 1e6, REFUSE)])])) as world:
        world.at(1, lambda: world.post("a.example"))
        world.run(10)
        audit(world)
        slot = world.store.scan([3])[0][0]
        world.store._wheel.pop(world.clock.time // 10**6 + 10**6, 1)
        world.store._table.set_state(slot, 1)
        with pytest.raises(AssertionError, match="nobody waits for it"):
            audit(world)


@pytest.mark.parametrize("feedback", POSTFIX_3_7)
def test_a_limited_server_defers_as_much_as_postfix_does(feedback):
    """A server that answers 421 to the sixth connection, as in SCHEDULER_README's last table."""
    deferred, mean, _ = limiter(feedback, 400)
    assert abs(deferred - POSTFIX_3_7[feedback]) < 5 and 4.8 < mean < 5.8


def test_the_window_doubles_with_feedback_1_and_grows_by_one_with_1_over_n():
    fast, slow = growth("1"), growth("1 / concurrency")
    at = lambda curve, second: max(window for when, window in curve if when <= second)  # noqa: E731
    assert at(fast, 1.5) >= 10 and at(fast, 2.5) >= 19 and at(fast, 3.5) >= 36
    assert [round(at(slow, second + 0.5)) for second in (5, 10, 15)] == pytest.approx([10, 15, 20], abs=1)
