"""The queue manager's decisions, on a virtual clock with agents that the test plays."""

from pyfix.model import HOLD, Recipient
from pyfix.qmgr.scheduler import Limits
from tests.kit.qmgr import World

ONE = b"000001"


def test_a_message_is_sent_and_removed():
    world = World()
    agent = world.agent()
    world.message(b"a@example.com")
    [(who, entry)] = world.turn()
    assert who is agent and entry.site.nexthop == "example.com" and entry.recipients == [0]
    world.answer(agent, entry)
    assert world.log == ["000001: from=<s@example.org>, size=1000, nrcpt=1 (queue active)", "000001: removed"]
    assert world.state(ONE) == "" and not world.manager.active


def test_recipients_of_one_site_go_together_up_to_the_limit():
    world = World(limits=lambda name: Limits(recipients=3))
    agent = world.agent()
    world.message(*[b"u%d@example.com" % i for i in range(8)], b"x@example.net")
    out = [entry.recipients for _, entry in world.turn()]
    assert sorted(map(len, out)) == [1, 2, 3, 3] and sorted(sum(out, [])) == list(range(9))
    assert agent.busy == 4


def test_recipient_limit_one_counts_concurrency_per_recipient():
    world = World(limits=lambda name: Limits(recipients=1, concurrency=1))
    world.agent()
    world.message(b"a@example.com", b"b@example.com")
    world.message(b"a@example.com")
    assert [entry.recipients for _, entry in world.turn()] == [[0], [1]]


def test_a_deferred_recipient_is_tried_again_by_age():
    world = World(queue_run_delay=0)
    agent = world.agent()
    world.message(b"a@example.com", b"b@example.net")
    for who, entry in world.turn():
        if entry.site.nexthop == "example.com":
            world.answer(who, entry)
        else:
            world.answer(who, entry, "deferred", "4.2.0", "host said: 450 later")
    assert world.state(ONE) == "deferred" and world.store.pending(1) == [1]
    assert world.store.reasons(1) == {1: ("4.2.0", "host said: 450 later")}
    assert world.sleep(299) == []
    [(_, entry)] = world.sleep(1)
    assert entry.recipients == [1] and world.log[-1] == "000001: from=<s@example.org>, size=1000, nrcpt=1 (queue active)"
    world.clock.time += 200 * 10**6
    world.answer(agent, entry, "deferred", "4.2.0", "host said: 450 later")
    assert world.sleep(499) == [] and len(world.sleep(1)) == 1      # age 500 s


def test_a_site_that_fails_a_cohort_rests_and_its_mail_is_suspended():
    world = World(queue_run_delay=0)
    agent = world.agent()
    for i in range(12):
        world.message(b"u%d@example.com" % i)
    out = world.turn()
    assert len(out) == 5
    for who, entry in out:
        world.refuse(who, entry)
    assert world.turn() == [] and len(world.error_log) == 7
    assert world.error_log[0].endswith(
        "relay=none, delay=0, delays=0/0/0/0, dsn=4.4.1, status=deferred "
        "(delivery temporarily suspended: connect to x[1.2.3.4]:25: Connection refused)")
    assert not world.manager.active
    assert len(world.sleep(300)) == 5       # initial concurrency again: no herd
    assert agent.busy == 5


def test_expiry_is_decided_after_an_attempt():
    world = World(queue_lifetime=10 * 10**6)
    agent = world.agent()
    world.message(b"a@example.com")
    [(_, entry)] = world.turn()
    world.clock.time += 20 * 10**6
    world.answer(agent, entry, "deferred", "4.2.0", "later")
    assert world.log[1:] == ["000001: from=<s@example.org>, status=expired, returned to sender", "000001: removed"]
    assert world.reports.sent == [("failure", ONE, [(0, "4.2.0", "later")])]


def test_a_bounce_that_cannot_be_queued_defers_the_recipient():
    world = World()
    agent = world.agent()
    world.reports.broken = True
    world.message(b"a@example.com")
    [(_, entry)] = world.turn()
    world.answer(agent, entry, "bounced", "5.1.1", "no such user")
    assert world.state(ONE) == "deferred" and world.store.pending(1) == [0]
    world.reports.broken = False
    [(_, entry)] = world.sleep(400)
    world.answer(agent, entry, "bounced", "5.1.1", "no such user")
    assert world.state(ONE) == "" and len(world.reports.sent) == 1


def test_soft_bounce_turns_failures_into_delays():
    world = World(soft_bounce=True)
    agent = world.agent()
    world.message(b"a@example.com")
    [(_, entry)] = world.turn()
    world.answer(agent, entry, "bounced", "5.1.1", "no such user")
    assert world.store.reasons(1) == {0: ("4.1.1", "no such user")}


def test_error_retry_and_discard_need_no_agent():
    world = World()
    world.message(Recipient(b"a@x", transport="error", nexthop="5.1.1 mailbox unavailable"),
                  Recipient(b"b@x", transport="discard", nexthop="dropped"))
    assert world.turn() == [] and world.state(ONE) == ""
    assert world.reports.sent == [("failure", ONE, [(0, "5.1.1", "mailbox unavailable")])]
    assert [line.partition("dsn=")[2] for line in world.error_log] == [
        "5.1.1, status=bounced (mailbox unavailable)", "2.0.0, status=sent (dropped)"]


def test_defer_transports_waits_for_a_flush():
    world = World(defer_transports=frozenset({"smtp"}))
    world.agent()
    world.message(b"a@example.com")
    assert world.turn() == [] and world.error_log[0].endswith("dsn=4.3.2, status=deferred (deferred transport)")


def test_a_transport_without_agents_is_given_up_after_a_while():
    world = World()
    world.message(b"a@example.com")
    assert world.turn() == [] and world.state(ONE) == "active"
    world.sleep(11)
    assert world.state(ONE) == "deferred"
    assert world.error_log[0].endswith("dsn=4.3.0, status=deferred (mail transport unavailable)")
    world.message(b"b@example.com")
    assert world.state(ONE) == "deferred" and world.turn() == [] and len(world.error_log) == 2
    world.agent()
    world.message(b"c@example.com")
    assert len(world.turn()) == 1


def test_an_agent_that_dies_gives_its_jobs_back():
    world = World()
    first, second = world.agent(capacity=1), world.agent(capacity=1)
    world.message(b"a@example.com")
    [(who, entry)] = world.turn()
    other = second if who is first else first
    world.manager.agent_left(who)
    [(who, again)] = world.turn()
    assert who is other and again is entry
    world.answer(who, again)
    assert world.state(ONE) == ""


def test_a_message_that_kills_three_agents_is_set_aside_and_others_are_not():
    world = World()
    for i in range(20):
        world.message(b"a@d%d.example" % i)
    poison = b"000008"
    agent = world.agent()
    for _ in range(60):
        out = world.turn()
        if any(entry.message.queue_id == poison for _, entry in out):
            world.manager.agent_left(agent)
            agent = world.agent()
            continue
        for who, entry in out:
            world.answer(who, entry)
    assert world.state(poison) == "hold" and len(world.store) == 1
    assert any("3 delivery processes died" in line for line in world.log)


def test_the_active_limit_leaves_room_for_new_mail():
    world = World(active_limit=10, queue_run_delay=0)
    agent = world.agent()
    for i in range(30):
        world.message(b"u@d%d.example" % i)
        for who, entry in world.turn():
            world.answer(who, entry, "deferred", "4.2.0", "later")
    assert len(world.store) == 30
    world.sleep(300)
    assert len(world.manager.active) == 8 and len(world.manager.due) == 22
    world.message(b"new@fresh.example")
    assert [entry.site.nexthop for _, entry in world.turn()] == ["fresh.example"]
    assert agent.busy == 9


def test_hold_stays_out():
    world = World()
    world.agent()
    world.message(b"a@example.com", flags=HOLD)
    assert world.turn() == [] and world.state(ONE) == "hold" and world.log == []


def test_delay_warning_is_sent_once():
    world = World(delay_warning=100 * 10**6, queue_run_delay=0)
    agent = world.agent()
    world.message(b"a@example.com")
    for pause in (200, 300, 600):
        [(_, entry)] = world.turn() or world.sleep(pause)
        world.clock.time += 100 * 10**6
        world.answer(agent, entry, "deferred", "4.2.0", "later")
    assert [kind for kind, _, _ in world.reports.sent] == ["delay"]


def test_one_list_does_not_starve_single_messages():
    world = World(limits=lambda name: Limits(concurrency=5, initial=5))
    agent = world.agent(capacity=5)
    world.message(*[b"u%d@example.com" % i for i in range(50000)])
    out, waits = world.turn(), []
    for _ in range(100):
        single = world.message(b"one@example.com")
        for turns in range(50):
            for who, entry in out:
                world.answer(who, entry)
            out = world.turn()
            if any(entry.message.queue_id == single for _, entry in out):
                waits.append(turns)
                break
    assert len(waits) == 100 and max(waits) <= 1


def test_no_herd_when_a_site_recovers():
    """2,000 messages fail together; later attempts are spread, and the first after a rest are the initial window's."""
    world = World(queue_run_delay=300 * 10**6)
    world.agent(capacity=100000)
    for i in range(2000):
        world.message(b"u%d@example.com" % i)
    for who, entry in world.turn():
        world.refuse(who, entry)
    world.turn()
    assert world.store.count(3) == 2000
    assert sum(len(world.sleep(1)) for _ in range(299)) == 0
    out = world.sleep(1)
    assert len(out) == 5 and len(world.manager.active) < 500
    seen = []
    for _ in range(40):
        seen.append(len(world.manager.active))
        world.sleep(1)
    assert seen == sorted(seen) and len(set(seen)) > 20 and max(b - a for a, b in zip(seen, seen[1:])) < 200


def test_a_malformed_answer_defers_and_does_not_strand():
    world = World()
    agent = world.agent()
    world.message(b"a@example.com", b"b@example.com", b"c@example.com")
    [(_, entry)] = world.turn()
    world.manager.outcomes(agent, [[entry.job, "", [[0, "sent", "2.0.0", "ok"], [7, "sent", "2.0.0", "ok"], [1, 5, "x", None], 9]]])
    assert world.store.pending(1) == [1, 2] and world.store.reasons(1) == dict.fromkeys(
        (1, 2), ("4.3.0", "unknown mail transport error"))


def test_recipients_that_are_tried_again_are_routed_anew():
    """Each attempt after the first asks where a recipient goes now; the answer may take its time."""
    world = World(queue_run_delay=0)
    agent, asked = world.agent(), []
    other = world.agent("relay")
    world.message(b"a@example.com", b"b@example.net")
    for who, entry in world.turn():
        world.answer(who, entry, "deferred", "4.2.0", "later")
    world.manager.routes = lambda envelope, indexes, then: asked.append((envelope, indexes, then))
    assert world.sleep(300) == [] and len(world.manager.active) == 1 and world.state(ONE) == "incoming"
    [(envelope, indexes, then)] = asked
    assert indexes == [0, 1] and envelope.recipients[0].transport == "smtp"
    then([["relay", "[192.0.2.1]", [0, 1]]])
    [(who, entry)] = world.turn()
    assert who is other and entry.site.nexthop == "[192.0.2.1]" and entry.recipients == [0, 1]
    world.answer(who, entry)
    assert world.state(ONE) == "" and agent.busy == 0


def test_a_message_may_be_withdrawn_while_its_routes_are_looked_up():
    for gone, state in ((True, ""), (False, "hold")):
        world, asked = World(queue_run_delay=0), []
        agent = world.agent()
        world.message(b"a@example.com")
        [(_, entry)] = world.turn()
        world.answer(agent, entry, "deferred", "4.2.0", "later")
        world.manager.routes = lambda envelope, indexes, then: asked.append(then)
        world.sleep(300)
        slot = world.store.find(ONE)
        if gone:
            world.store.remove(slot)
        else:
            world.store.hold(slot)
        world.manager.withdraw(slot, gone)
        asked[0]([["smtp", "example.com", [0]]])
        assert world.turn() == [] and not world.manager.active and world.state(ONE) == state


def test_lookups_of_routes_are_bounded():
    from pyfix.qmgr.manager import SLICE
    world, asked = World(queue_run_delay=0, active_limit=10 * SLICE), []
    world.manager.routes = lambda envelope, indexes, then: asked.append(then)
    slots = []
    for i in range(SLICE + 50):
        world.message(b"a@example.com", flags=HOLD)
    slots, _ = world.store.scan([4], 0, 10000)
    for slot in slots:
        world.store.release(slot)
    world.sleep(1)
    world.sleep(1)
    assert len(asked) == SLICE and world.manager.next_time() != 0
    asked[0]([["discard", "x", [0]]])
    assert world.manager.next_time() == 0
    world.turn()
    assert len(asked) == SLICE + 1


def test_a_delay_warning_is_sent_once():
    """The store remembers it, so that a restart makes no second one."""
    world = World(queue_run_delay=0, delay_warning=200 * 10**6)
    agent = world.agent()
    world.message(b"a@example.com")
    for seconds in (0, 300, 1000, 4000):
        [(who, entry)] = world.sleep(seconds)
        assert world.store.is_warned(world.store.find(ONE)) == (seconds > 300)
        world.answer(agent, entry, "deferred", "4.2.0", "later")
    assert [kind for kind, *_ in world.reports.sent] == ["delay"]


def test_a_delay_warning_that_could_not_be_queued_is_tried_again():
    world = World(queue_run_delay=0, delay_warning=200 * 10**6)
    agent = world.agent()
    world.message(b"a@example.com")
    for seconds, broken in ((0, True), (300, True), (1000, False), (4000, False)):
        world.reports.broken = broken
        [(_, entry)] = world.sleep(seconds)
        world.answer(agent, entry, "deferred", "4.2.0", "later")
    assert [kind for kind, *_ in world.reports.sent] == ["delay"]


def test_a_sender_who_was_warned_hears_that_the_delay_is_over():
    """confirm_delay_cleared: for those who want to hear of delays, once, and only after a warning."""
    for confirm in (True, False):
        world = World(queue_run_delay=0, delay_warning=200 * 10**6, confirm_cleared=confirm)
        agent = world.agent()
        people = [Recipient(b"%d@example.com" % notify, notify=notify, transport="smtp", nexthop="example.com") for notify in (0, 1, 2, 4, 8)]
        world.message(*people)
        for seconds in (0, 300):
            [(who, entry)] = world.sleep(seconds)
            world.answer(agent, entry, "deferred", "4.2.0", "later")
        [(who, entry)] = world.sleep(4000)
        world.manager.outcomes(agent, [[entry.job, "", list(entry.recipients)]])
        kinds = [(kind, [item[:2] for item in items]) for kind, _, items in world.reports.sent]
        assert kinds[1:] == ([("success", [(0, "cleared"), (4, "cleared")])] if confirm else []) and kinds[0][0] == "delay"
        assert world.state(ONE) == "" and not world.manager.cleared.messages


def test_nothing_is_cleared_without_a_warning():
    world = World(queue_run_delay=0, delay_warning=900 * 10**6, confirm_cleared=True)
    agent = world.agent()
    world.message(b"a@example.com")
    [(_, entry)] = world.turn()
    world.answer(agent, entry, "deferred", "4.2.0", "later")
    [(_, entry)] = world.sleep(300)
    world.answer(agent, entry)
    assert world.reports.sent == [] and world.state(ONE) == ""
