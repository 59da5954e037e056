"""A fake Internet with a seed: providers that block, throttle, greylist, die and recover.

The law: what a provider does follows from its settings, the time and the seed, so that every run can be repeated.
It keeps its own books (who was accepted, and how often), which the simulation compares with the queue's.
Wordings are ours; the classes of answers are those of RFC 5321 section 4.2 and RFC 3463.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

REFUSE, TIMEOUT, BUSY, BLOCK = "refuse", "timeout", "busy", "block"
CONNECT_TIMEOUT = 30.0
TROUBLE = {
    REFUSE: ["4.4.1", "connect to {0}[192.0.2.1]:25: Connection refused"],
    TIMEOUT: ["4.4.1", "connect to {0}[192.0.2.1]:25: Connection timed out"],
    BUSY: ["4.7.0", "host {0}[192.0.2.1] refused to talk to me: 421 too many connections from you"],
}


class Attempt(NamedTuple):
    """How a delivery goes: how long it takes, whether the site could not be talked to, an answer for each recipient."""

    seconds: float
    trouble: list[str] | str
    answers: list[list[object]]


class Spell(NamedTuple):
    """From `start` to `end` (seconds of the simulation) a provider does `what`."""

    start: float
    end: float
    what: str


@dataclass
class Provider:
    """One destination domain.

    latency      mean seconds of a delivery      each        seconds more for each recipient
    connections  at once, 0: any number          rate        messages a second (bucket of ten seconds), 0: any
    greylist     seconds a new pair must wait    bad         share of recipients that do not exist
    spells       outages and blocks              steady      every delivery takes exactly `latency`
    """

    name: str
    latency: float = 0.5
    each: float = 0.0
    connections: int = 0
    rate: float = 0.0
    greylist: float = 0.0
    bad: float = 0.0
    spells: list[Spell] = field(default_factory=list)
    steady: bool = False
    open: int = 0
    accepted: Counter[tuple[int, int]] = field(default_factory=Counter)
    rejected: Counter[tuple[int, int]] = field(default_factory=Counter)
    _seen: dict[tuple[int, int], float] = field(default_factory=dict)
    _tokens: float = 0.0
    _filled: float = 0.0

    def weather(self, now: float) -> str:
        """What is wrong at this moment, "" for nothing."""
        return next((spell.what for spell in self.spells if spell.start <= now < spell.end), "")

    def attempt(self, number: int, recipients: list[int], now: float, rng: random.Random) -> Attempt:
        """Message `number` is tried at some of its recipients; the connection counts until `closed`."""
        self.open += 1
        weather = self.weather(now)
        if weather in (REFUSE, TIMEOUT):
            return self._failed(weather, recipients, CONNECT_TIMEOUT if weather == TIMEOUT else 0.05)
        if weather == BUSY or (self.connections and self.open > self.connections):
            return self._failed(BUSY, recipients, 0.05)
        mean = self.latency + self.each * len(recipients)
        seconds = mean * (rng.uniform(0.98, 1.02) if self.steady else rng.uniform(0.5, 1.5))
        if weather == BLOCK:
            return Attempt(seconds, "", [[i, "deferred", "4.7.1", "host said: 451 your network is blocked here"]
                                         for i in recipients])
        if self.rate and not self._token(now):
            return Attempt(seconds, "", [[i, "deferred", "4.7.28", "host said: 450 rate limit reached, slow down"]
                                         for i in recipients])
        return Attempt(seconds, "", [self._answer(number, index, now) for index in recipients])

    def closed(self) -> None:
        """The connection of an attempt is over."""
        self.open -= 1

    def _failed(self, what: str, recipients: list[int], seconds: float) -> Attempt:
        dsn, words = TROUBLE[what]
        words = words.format("mx." + self.name)
        return Attempt(seconds, [dsn, words], [[i, "deferred", dsn, words] for i in recipients])

    def _token(self, now: float) -> bool:
        self._tokens = min(10 * self.rate, self._tokens + (now - self._filled) * self.rate)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _answer(self, number: int, index: int, now: float) -> list[object]:
        pair = (number, index)
        if self.greylist and now < self._seen.setdefault(pair, now) + self.greylist:
            return [index, "deferred", "4.2.0", "host said: 450 greylisted, come back later"]
        if self.bad and random.Random(number * 1_000_003 + index).random() < self.bad:
            self.rejected[pair] += 1
            return [index, "bounced", "5.1.1", "host said: 550 no such user"]
        self.accepted[pair] += 1
        return [index, "sent", "2.0.0", "250 ok"]


class Internet:
    """All providers by domain; one that was never described accepts all."""

    def __init__(self, providers: list[Provider], seed: int = 1) -> None:
        self.providers = {provider.name: provider for provider in providers}
        self.rng = random.Random(seed)

    def provider(self, domain: str) -> Provider:
        """The provider of a domain."""
        if domain not in self.providers:
            self.providers[domain] = Provider(domain)
        return self.providers[domain]
