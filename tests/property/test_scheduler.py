"""The scheduler under any order of events: every recipient ends once, no limit is passed, the window is the manual's."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyfix.qmgr.scheduler import Agent, Feedback, Limits, Message, Scheduler
from tests.oracle.scheduler import Window

EXPRESSIONS = {"1": (1, "1"), "0.5": (0.5, "1"), "1/5": (0.2, "1"), "1/concurrency": (1, "N"),
               "0.5 / concurrency": (0.5, "N"), "1/sqrt_concurrency": (1, "sqrt"), "0": (0, "1")}


@pytest.mark.parametrize("text", ["", "x", "1/", "/concurrency", "2", "-1", "1/2/3", "1/0.1", "concurrency", "1/x"])
def test_a_bad_expression_is_refused(text):
    with pytest.raises(ValueError):
        Feedback(text)


@given(st.integers(1, 10), st.integers(0, 30), st.sampled_from(list(EXPRESSIONS)), st.sampled_from(list(EXPRESSIONS)),
       st.sampled_from([0, 0.5, 1, 3]), st.lists(st.booleans(), max_size=200))
@settings(max_examples=100, deadline=None)
def test_the_window_follows_the_manual(initial, limit, positive, negative, cohorts, outcomes):
    follows_the_manual(initial, limit, positive, negative, cohorts, outcomes)


def follows_the_manual(initial, limit, positive, negative, cohorts, outcomes):
    """One site's window after each of these outcomes (True: could talk to it)."""
    limits = Limits(concurrency=limit, initial=initial, cohorts=cohorts, positive=positive, negative=negative)
    scheduler, agent = Scheduler(lambda name: limits), Agent("smtp", None)
    oracle = Window(limits.initial, limit, EXPRESSIONS[positive], EXPRESSIONS[negative], cohorts)
    scheduler.join(agent)
    scheduler.ready(agent, 1000)
    message, widest = Message(1, b"X", 0, 1, 0, 1, 1, 0, b"", 1), 1
    for well in outcomes:
        for _ in range(40):     # always enough that waits, so that the site is not forgotten
            if scheduler.waiting < 40:
                scheduler.enter(message, "smtp", "x", [0], "x", 0)
        scheduler.assign(0)
        site = scheduler.site("smtp", "x")
        widest = max(widest, site.window)
        assert site.busy <= widest          # a window that has shrunk takes nothing back
        busy = site.busy
        scheduler.finish(agent, min(agent.jobs))
        if well:
            scheduler.well(site, 0)
            oracle.well(busy)
        else:
            scheduler.failed(site, ("4.4.1", "no"), 0, 1000)
            oracle.failed()
        assert site.dead == oracle.dead
        if oracle.dead:
            return
        assert site.window == oracle.concurrency


@given(st.integers(1, 8), st.integers(0, 120), st.sampled_from(list(EXPRESSIONS)), st.lists(st.integers(1, 60), max_size=12))
@settings(max_examples=60, deadline=None)
def test_outcomes_that_come_together_count_as_one_by_one(initial, limit, positive, frames):
    """The window grows alike whether work goes out after each outcome or after a frame of them."""
    windows = []
    for together in (True, False):
        limits = Limits(concurrency=limit, initial=initial, positive=positive)
        scheduler, agent = Scheduler(lambda name: limits), Agent("smtp", None)
        scheduler.join(agent)
        scheduler.ready(agent, 10_000)
        message = Message(1, b"X", 0, 1, 0, 1, 1, 0, b"", 1)
        for _ in range(900):             # more than twelve frames of sixty can take
            scheduler.enter(message, "smtp", "x", [0], "x", 0)
        while scheduler.assign(0):
            continue
        for frame in frames:
            for job in sorted(agent.jobs)[:frame]:
                scheduler.well(scheduler.finish(agent, job).site, 0)
                if not together:
                    scheduler.assign(0)
            scheduler.assign(0)
        windows.append(scheduler.site("smtp", "x").window)
    assert windows[0] == windows[1]


class Run:
    """A scheduler with the books kept beside it."""

    def __init__(self, limits):
        self.scheduler, self.now, self.count = Scheduler(lambda name: limits), 0, 0
        self.limits, self.agents, self.expected, self.ended = limits, [], Counter(), Counter()

    def enter(self, site, recipients):
        self.count += 1
        message = Message(self.count, b"%06X" % self.count, 0, 1, 0, 1, 1, 0, b"", recipients)
        self.expected[self.count] = recipients
        self.scheduler.enter(message, "smtp", site, list(range(recipients)), site, self.now)
        self.collect(self.scheduler.suspended)
        self.scheduler.suspended = []

    def collect(self, entries):
        for entry in entries:
            self.ended[entry.message.slot] += len(entry.recipients)
            entry.message.pending -= 1

    def step(self, action, number):
        if action == "enter":
            self.enter(f"s{number % 4}", 1 + number % 7)
        elif action == "join":
            agent = Agent("smtp", None)
            self.agents.append(agent)
            self.scheduler.join(agent)
            self.scheduler.ready(agent, number % 9)
        elif action == "assign":
            self.assign()
        elif action == "time":
            self.now += number * 100
            self.scheduler.wake(self.now)
        elif self.agents:
            agent = self.agents[number % len(self.agents)]
            if action == "leave":
                self.agents.remove(agent)
                for entry in self.scheduler.leave(agent, self.now):
                    self.scheduler.again(entry)
                self.collect(self.scheduler.suspended)
                self.scheduler.suspended = []
            elif agent.jobs:
                self.answer(agent, sorted(agent.jobs)[number % len(agent.jobs)], action == "well")

    def assign(self):
        for agent, entries in self.scheduler.assign(self.now, 50):
            for entry in entries:
                assert agent.busy <= agent.limit and entry.site.busy <= entry.site.window
                assert len(entry.recipients) <= self.limits.recipients and not entry.site.dead

    def answer(self, agent, job, well):
        entry = self.scheduler.finish(agent, job)
        self.collect([entry])
        if well:
            self.scheduler.well(entry.site, self.now)
        else:
            self.collect(self.scheduler.failed(entry.site, ("4.4.1", "no"), self.now, 1000))

    def drain(self):
        for _ in range(10000):
            self.now += 10_000
            self.scheduler.wake(self.now)
            if not any(agent.limit > agent.busy for agent in self.agents):
                self.step("join", 5)
            self.assign()
            for agent in self.agents:
                for job in list(agent.jobs):
                    self.answer(agent, job, True)
            if not self.scheduler.waiting and not self.scheduler.busy:
                return


@given(st.integers(1, 5), st.integers(0, 6), st.integers(1, 4), st.sampled_from([0, 5]), st.sampled_from([0, 300]),
       st.lists(st.tuples(st.sampled_from(["enter", "enter", "join", "assign", "well", "failed", "time", "leave"]),
                          st.integers(0, 40)), max_size=120))
@settings(max_examples=150, deadline=None)
def test_every_recipient_ends_once(initial, limit, recipients, cost, delay, steps):
    run = Run(Limits(concurrency=limit, initial=initial, recipients=recipients, slot_cost=cost, rate_delay=delay))
    for action, number in steps:
        run.step(action, number)
        assert run.scheduler.busy == sum(agent.busy for agent in run.agents)
    run.drain()
    assert run.ended == run.expected and run.scheduler.waiting == 0 and run.scheduler.busy == 0


@given(st.lists(st.integers(1, 400), min_size=1, max_size=5), st.integers(1, 8))
@settings(max_examples=50, deadline=None)
def test_a_single_message_waits_for_one_round_at_most(lists, capacity):
    """Behind any number of lists a message of one recipient is among the next few that start."""
    scheduler, agent = Scheduler(lambda name: Limits(recipients=5)), Agent("smtp", None)
    scheduler.join(agent)
    for number, size in enumerate(lists):
        scheduler.enter(Message(number + 1, b"L", 0, 1, 0, 1, 1, 0, b"", size), "smtp", "x", list(range(size)), "x", 0)
    scheduler.ready(agent, capacity)
    scheduler.assign(0)
    single = Message(99, b"S", 0, 1, 0, 1, 1, 0, b"", 1)
    scheduler.enter(single, "smtp", "x", [0], "x", 0)
    started = 0
    while single.pending and scheduler.busy:
        for job in list(agent.jobs):
            entry = scheduler.finish(agent, job)
            entry.message.pending -= 1
            scheduler.well(entry.site, 0)
        if not single.pending:
            break
        started += sum(len(entries) for _, entries in scheduler.assign(0))
    assert not single.pending and started <= 2 * len(lists) + 2 * 20
