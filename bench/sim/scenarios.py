"""What the simulator is asked: outages, herds, lists beside single messages, windows, and a bad week.

Each function runs one question to its end and returns figures and curves; the tests assert on them, `python -m bench.sim`
prints and draws them. All take a seed; the same seed gives the same run.
"""

from __future__ import annotations

import random
import statistics
from collections import Counter
from typing import Any, NamedTuple

from pyfix.qmgr.scheduler import Limits

from bench.sim.audit import audit, settled
from bench.sim.internet import BLOCK, BUSY, REFUSE, TIMEOUT, Internet, Provider, Spell
from bench.sim.world import Simulation
from bench.draw import Line, chart

HOUR, DAY = 3600.0, 86400.0


class Answer(NamedTuple):
    """What a scenario found: figures by name, charts, and the digest of the run."""

    figures: dict[str, float]
    charts: list[str]
    trace: str


def rate(counts: Counter[int], start: float, end: float, step: float) -> list[tuple[float, float]]:
    """(hour, the highest attempts in one second) for each `step` seconds."""
    highest: Counter[int] = Counter()
    for second, count in counts.items():
        if start <= second < end:
            highest[int((second - start) // step)] = max(highest[int((second - start) // step)], count)
    return [((start + index * step) / HOUR, highest[index]) for index in range(int((end - start) // step))]


# -- three days without one large provider ------------------------------------------------------

def outage(seed: int = 1, messages: int = 1500, naive: bool = False) -> Answer:
    """A provider is down for three days with mail for it all the time; it comes back.

    naive: as a server without windows, dead sites and spread: no limit at once, no rest, retries in step.
    """
    begin, end = 6 * HOUR, 6 * HOUR + 3 * DAY
    big = Provider("big.example", latency=1.0, spells=[Spell(begin, end, TIMEOUT)])
    limits = Limits(concurrency=0, initial=100_000, cohorts=0) if naive else Limits()
    rng = random.Random(seed)
    with Simulation(Internet([big], seed), lambda name: limits, capacity=100_000,
                    **({"queue_run_delay": 0} if naive else {})) as world:
        for _ in range(messages):
            world.at(rng.uniform(0, end), lambda: world.post("big.example"))
        for _ in range(messages // 5):
            world.at(rng.uniform(0, end + DAY), lambda: world.post(f"d{rng.randrange(20)}.example"))
        world.run(end + DAY, lambda: audit(world), 6 * HOUR)
        settled(world)
        counts = world.attempts["big.example"]
        others = [world.gone[n] - world.born[n] for n in world.born if not accepted_by(big, n)]
        backlog = [n for n in world.born if accepted_by(big, n) and world.born[n] < end]
        drained = max(world.gone[n] for n in backlog) - end
        figures = {
            "attempts in the outage": sum(c for s, c in counts.items() if begin <= s < end),
            "most attempts in a second, before": max(c for s, c in counts.items() if s < begin),
            "most attempts in a second, in the outage": max(c for s, c in counts.items() if begin <= s < end),
            "most attempts in a second, after": max(c for s, c in counts.items() if s >= end),
            "seconds until the backlog was gone": drained,
            "slowest of the others, seconds": max(others),
        }
        shown = rate(counts, begin - 2 * HOUR, end + 3 * HOUR, 600)
        name = "no windows, no rest, no spread" if naive else "pyfix"
        title = "A provider down for three days: most attempts in one second, per ten minutes"
        return Answer(figures, [chart(title, [Line(name, shown, True)], "hours", "attempts/s")], world.trace)


def accepted_by(provider: Provider, number: int) -> bool:
    """Whether a message's first recipient is this provider's."""
    return (number, 0) in provider.accepted


# -- a herd at recovery ---------------------------------------------------------------------------

def herd(seed: int = 1, messages: int = 3000, naive: bool = False) -> Answer:
    """Many messages fail together in a short outage: how they come back."""
    big = Provider("big.example", latency=0.5, spells=[Spell(0, 1800, REFUSE)])
    limits = Limits(concurrency=0, initial=100_000, cohorts=0) if naive else Limits()
    rng = random.Random(seed)
    with Simulation(Internet([big], seed), lambda name: limits, capacity=100_000,
                    **({"queue_run_delay": 0} if naive else {})) as world:
        for _ in range(messages):
            world.at(rng.uniform(0, 10), lambda: world.post("big.example"))
        world.run(3 * HOUR, lambda: audit(world), 600)
        settled(world)
        counts = world.attempts["big.example"]
        figures = {"most attempts in a second, down": max(c for s, c in counts.items() if s < 1800),
                   "most attempts in a second, back": max(c for s, c in counts.items() if s >= 1800),
                   "seconds until all was delivered": max(world.gone.values()) - 1800}
        curve = [(x * 60, y) for x, y in rate(counts, 0, 2 * HOUR, 30)]
        name = "no windows, no rest, no spread" if naive else "pyfix"
        return Answer(figures, [chart("3,000 messages fail together; the provider is back after 30 minutes",
                                      [Line(name, curve, True)], "minutes", "attempts/s (most in 30 s)")], world.trace)


# -- a huge list beside single messages -----------------------------------------------------------

def lists(seed: int = 1, size: int = 20_000, cost: float = 5) -> Answer:
    """A list of `size` recipients at one provider, and a single message to it every two seconds."""
    big = Provider("big.example", latency=0.5, each=0.05, steady=True)
    with Simulation(Internet([big], seed), lambda name: Limits(slot_cost=cost)) as world:
        world.at(10, lambda: world.post("big.example", each=size))
        for number in range(60):
            world.at(number * 2 + 1, lambda: world.post("big.example"))
        world.run(HOUR, lambda: audit(world), 60)
        settled(world)
        singles = [n for n in world.born if world.recipients[n] == 1]
        waits = [(world.born[n], world.gone[n] - world.born[n]) for n in singles]
        whole = next(world.gone[n] - world.born[n] for n in world.born if world.recipients[n] > 1)
        figures = {"single messages, median seconds": statistics.median(w for _, w in waits),
                   "single messages, slowest": max(w for _, w in waits), "the list, seconds": whole}
        name = "fair turns" if cost else "by age (delivery_slot_cost = 0)"
        return Answer(figures, [chart(f"Single messages beside a list of {size:,}", [Line(name, waits)],
                                      "seconds", "delivered after (s)")], world.trace)


# -- Postfix's concurrency, as SCHEDULER_README measured it -----------------------------------------

STYLES = {"1 / concurrency": "1/N", "1 / sqrt_concurrency": "1/sqrt(N)", "1": "1"}
# Percentage deferred: as SCHEDULER_README gives it (a snapshot of 2007), and as Debian's Postfix 3.7.11 did it when it was
# measured on the simulator's terms (400 deliveries, a server that answers 421 to the sixth connection).
README = {"1 / concurrency": 16.5, "1 / sqrt_concurrency": 24.5, "1": 49.7}
POSTFIX_3_7 = {"1 / concurrency": 16.25, "1 / sqrt_concurrency": 35.75, "1": 35.0}


def limiter(feedback: str, deliveries: int = 1000) -> tuple[float, float, list[tuple[float, float]]]:
    """A server that answers 421 to the sixth connection (SCHEDULER_README, "active server concurrency limiter"):
    percentage deferred, mean concurrency, [(second, window)]."""
    server = Provider("limited.example", latency=0.0, each=1.0, connections=5)
    limits = Limits(concurrency=20, initial=5, recipients=2, cohorts=100, positive=feedback, negative=feedback)
    once = int(1e12)        # no second attempt within the run
    with Simulation(Internet([server], 1), lambda name: limits, minimal_backoff=once, maximal_backoff=once) as world:
        world.at(0, lambda: world.post("limited.example", each=2 * deliveries))
        open_: list[int] = []
        curve: list[tuple[float, float]] = []

        def watch(domain: str, now: float) -> None:
            open_.append(server.open)
            curve.append((now, world.manager.scheduler.site("smtp", domain).window))
        world.watch = watch
        world.run(HOUR)
        deferred = 100 * (1 - len(server.accepted) / (2 * deliveries))
        return deferred, statistics.mean(open_[50:]), curve


def growth(feedback: str) -> list[tuple[float, float]]:
    """The window at a server that takes everything in one second each, from 5 to the limit of 100: [(second, window)]."""
    server = Provider("open.example", latency=1.0, steady=True)
    limits = Limits(concurrency=100, initial=5, recipients=2, positive=feedback)
    curve: list[tuple[float, float]] = []
    with Simulation(Internet([server], 1), lambda name: limits) as world:
        world.at(0, lambda: world.post("open.example", each=2000))
        world.watch = lambda domain, now: curve.append((now, world.manager.scheduler.site("smtp", domain).window))
        world.run(120)
    return curve


def windows(seed: int = 1) -> Answer:
    """Feedback 1, 1/sqrt(N) and 1/N: growth at an open server, and the table of SCHEDULER_README for a limited one."""
    figures: dict[str, float] = {}
    limited, grown = [], []
    for feedback, short in STYLES.items():
        deferred, mean, curve = limiter(feedback)
        figures[f"{short}: deferred %"], figures[f"{short}: mean concurrency"] = deferred, mean
        limited.append(Line(f"{short}: {deferred:.1f} % deferred (Postfix 3.7.11 {POSTFIX_3_7[feedback]} %, "
                            f"SCHEDULER_README {README[feedback]} %)",
                            [point for point in curve if point[0] < 60], True))
        grown.append(Line(short, [point for point in growth(feedback) if point[0] < 20], True))
    return Answer(figures, [
        chart("Window at a server that takes all: 1 doubles it each round, 1/N adds one", grown, "seconds", "window"),
        chart("Window at a server that refuses the sixth connection", limited, "seconds", "window")], "")


# -- a bad week -----------------------------------------------------------------------------------

def providers(rng: random.Random, count: int) -> list[Provider]:
    """Providers of all kinds, each with its own bad days within three days."""
    made = []
    for number in range(count):
        spells = []
        for _ in range(rng.randrange(3)):
            start = rng.uniform(0, 3 * DAY)
            spells.append(Spell(start, start + rng.expovariate(1 / (6 * HOUR)), rng.choice([REFUSE, TIMEOUT, BUSY, BLOCK])))
        made.append(Provider(
            f"p{number}.example", latency=rng.uniform(0.1, 3), connections=rng.choice([0, 0, 2, 10]),
            rate=rng.choice([0, 0, 0.02, 1]), greylist=rng.choice([0, 0, 300, 1800]), bad=rng.choice([0, 0, 0.1]),
            spells=spells))
    return made


def week(seed: int = 1, messages: int = 2000, domains: int = 60) -> Answer:
    """Mail of all sizes to providers that block, throttle, greylist, die and recover; audited every hour."""
    rng = random.Random(seed)
    internet = Internet(providers(rng, domains), seed)
    names = sorted(internet.providers)
    audits = 0

    with Simulation(internet, queue_lifetime=int(2 * DAY * 1e6), delay_warning=int(4 * HOUR * 1e6)) as world:
        def post() -> None:
            many = rng.choice([1, 1, 1, 1, 2, 5])
            world.post(*rng.sample(names, many), each=rng.choice([1, 1, 1, 3, 120]))

        def check() -> None:
            nonlocal audits
            audits += 1
            audit(world)
        for _ in range(messages):
            world.at(rng.uniform(0, 2 * DAY), post)
        queued: list[tuple[float, float]] = []
        for hour in range(6 * 24):
            world.at(hour * HOUR, lambda: queued.append((world.now() / HOUR, len(world.born) - len(world.gone))))
        world.run(6 * DAY, check, HOUR)
        settled(world)
        figures = {"messages": len(world.born), "recipients": sum(world.recipients.values()), "audits": audits,
                   "attempts": sum(sum(counts.values()) for counts in world.attempts.values()),
                   "returned to sender": world.reports.sent["failure"], "delay warnings": world.reports.sent["delay"]}
        return Answer(figures, [chart("A bad week: messages in the queue", [Line("queued", queued)], "hours", "messages")],
                      world.trace)


SCENARIOS: dict[str, Any] = {"outage": outage, "herd": herd, "lists": lists, "windows": windows, "week": week}
