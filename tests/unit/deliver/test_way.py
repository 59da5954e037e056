"""The way of a delivery against its twin: servers in order, limits, the last one, what is kept, what is said."""

import random
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyfix._core import client, request
from pyfix.deliver.session import Delivery, Plan, Session
from pyfix.deliver.target import Address
from pyfix.deliver.way import Route, Site, Way
from pyfix.model import Envelope, Recipient
from tests.kit.delivery import Log
from tests.oracle import way as oracle

PLAN = Plan(request.Settings(b"client.example"), {"connect": 30}, Log())
HOUR = 3600.0
EHLO = b"220 mx\r\n", b"250-mx\r\n250-8BITMIME\r\n250 %b\r\n"


class Sent(Exception):
    """The message was taken: the way ends here."""


class Walker(Way):
    """A Way whose servers have no sockets: `verdict` says what each would have done. `trace` is what happened."""

    def __init__(self, site, found, verdict, limit=0, **parameters):
        self.trace, self.where, self.lookups, self.verdict = [], site, found, verdict
        made = {"session_limit": limit, "by_server": None, "plan": PLAN, "bind": {2: ""}, "cache_on_demand": True, "pix": (),
                "without_dsn": "relayed", "send_xforward": False, **parameters}
        hosts = SimpleNamespace(order=lambda addresses: addresses)
        loop = SimpleNamespace(call_soon=lambda what: None)
        super().__init__(SimpleNamespace(**made), hosts, self, None, loop, Log(), lambda results: None)

    def open(self, place):
        """As a Reader."""
        return Envelope(b"QID", 1, b"s@x.example", recipients=[Recipient(b"r@y.example")]), None

    def site(self, nexthop):
        return self.where

    def ask(self, delivery, destination):
        self.trace.append(("ask", destination))
        if destination in self.lookups:
            return self.try_addresses(delivery, self.lookups[destination])
        return self.next_destination(delivery)

    def not_opened(self, delivery, session, error):
        """No address of these tests can be connected to; what would have come of it?"""
        what = self.verdict(session.address)
        if what == "dead":
            delivery.route.tried.add(session.address.key)
        else:
            self.count_session(session, delivery)
        self.trace.append(("try", session.address, what, what != "dead" and delivery.final))
        if what == "sent":
            raise Sent

    def give_up(self, delivery):
        self.trace.append(("gave up",))
        self.finish(delivery)


def deliver(way):
    """One job, to its end: what happened."""
    way.trace = []
    try:
        way.deliver([1, b"QID", 1, 2, 3, "y.example", [0], 0, 0])
    except Sent:
        way.trace.append(("sent",))
        way.finish(way.carried[1])
    return way.trace


ADDRESSES = [Address(f"mx{n}", f"no-ip-{n}", 25) for n in range(6)]
LISTS = st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=5)


@given(st.lists(st.tuples(LISTS, st.sampled_from(["known", "found", "old", "unreachable"])), max_size=4), st.integers(0, 3), st.integers(0, 2**32))
@settings(max_examples=300)
def test_servers_are_tried_in_the_manual_s_order(plan, limit, seed):
    rng = random.Random(seed)
    verdicts = {address: rng.choice(["dead", "dead", "deferred", "deferred", "sent"]) for address in ADDRESSES}
    places, lists = list(range(len(plan))), [list(addresses) for addresses, _ in plan]
    site = Site("y.example", places)
    known = {n: lists[n] for n, (_, how) in enumerate(plan) if how == "known"}
    found = {n: lists[n] for n, (_, how) in enumerate(plan) if how in ("found", "old")}
    site.found = {n: (1e12, known[n]) for n in known} | {n: (1.0, []) for n, (_, how) in enumerate(plan) if how == "old"}
    way = Walker(site, found, verdicts.get, limit)
    want = oracle.walk(places, known, found, verdicts.get, limit)
    assert deliver(way) == want
    assert deliver(way) == want and not way.carried and site.busy == 0       # nothing of the first is left to a second


@given(st.booleans(), st.lists(st.sampled_from(["begin", "end", "wait"]), max_size=30))
def test_connections_are_kept_where_deliveries_follow_each_other(on_demand, steps):
    site, busy, stored, just_done = Site("y.example", []), 0, False, False
    way = Walker(site, {}, None, cache_on_demand=on_demand)
    deliveries = []
    for step in steps:
        if step == "begin":
            stored, busy = oracle.stores(on_demand, just_done, stored, busy), busy + 1
            delivery = Delivery(len(deliveries), b"Q", "y.example", [], 0, Envelope(b"Q", 1, b""), None)
            delivery.site, way.carried[delivery.job] = site, delivery
            deliveries.append(delivery)
            way.count_in(site)
        elif step == "end" and busy:
            way.finish(deliveries[-busy])
            busy, just_done = busy - 1, True
        elif step == "wait":
            site.last_done -= HOUR
            just_done = False
        assert (site.busy, bool(site.store)) == (busy, stored)


RECIPIENTS = st.lists(st.builds(Recipient, st.sampled_from([b"r@y.example", b"a b@y.example", b"\xc3\xa4@y.example", b"x"]), notify=st.integers(0, 15),
                                original=st.sampled_from([b"", b"list@x.example", b"a b@x.example"]),
                                orcpt=st.sampled_from([b"", b"rfc822;a+b@c", b"utf-8;\xc3\xa4"])), min_size=1, max_size=5)


def session_of(way, keyword):
    """A session with a server that has said its EHLO."""
    session = Session(way, PLAN, ADDRESSES[0])
    for reply in EHLO:
        session.core.receive(reply.replace(b"%b", keyword))
    return session


@given(RECIPIENTS, st.sampled_from([b"", b"s@x.example", b'a"b@x.example']), st.sampled_from(["", "7bit", "8bit", "8BIT", "base64"]),
       st.booleans(), st.data())
def test_what_is_said_to_a_server_that_takes_everything(recipients, sender, encoding, dsn, data):
    envelope = Envelope(b"QID", 1, sender, size=data.draw(st.integers(0, 10**7)), ret=data.draw(st.integers(0, 2)), envid=b"e",
                        attributes={"encoding": encoding} if encoding else {}, recipients=recipients)
    pending = sorted(data.draw(st.sets(st.integers(0, len(recipients) - 1), min_size=1)))
    delivery = Delivery(1, b"QID", "y.example", pending, 0, envelope, None)
    delivery.route = Route([0])
    way = Walker(None, {}, None)
    made = way.request(session_of(way, b"DSN" if dsn else b"HELP"), delivery)
    want = oracle.request(envelope, pending, dsn)
    assert {name: getattr(made, name) for name in want} == want


@pytest.mark.parametrize("dsn", [True, False])
@pytest.mark.parametrize("notify", range(16))
def test_a_server_without_dsn_makes_no_success_report(dsn, notify):
    way = Walker(None, {}, None)
    delivery = Delivery(1, b"QID", "y.example", [0], 0, Envelope(b"QID", 1, b"", recipients=[Recipient(b"r@y.example", notify=notify)]), None)
    session, answer = session_of(way, b"DSN" if dsn else b"HELP"), (250, "2.0.0", "250 ok")
    assert bool(session.core.features & client.DSN) is dsn
    way.recipient_sent(session, delivery, 0, answer)
    assert delivery.results == [oracle.outcome(0, notify, answer, dsn, "relayed", session.address.relay)]


def test_only_8_bit_content_for_a_server_that_can_not_take_it_is_converted():
    way = Walker(None, {}, None, downgrade=True)
    way.downgraded = lambda delivery: "converted"
    for encoding, keyword, want in (("8bit", b"DSN", "kept"), ("7bit", b"DSN", "kept"), ("", b"DSN", "kept")):
        envelope = Envelope(b"QID", 1, b"", attributes={"encoding": encoding} if encoding else {})
        delivery = Delivery(1, b"QID", "y.example", [0], 0, envelope, "kept")
        assert way.content(session_of(way, keyword), delivery) == want
    old = Session(way, PLAN, ADDRESSES[0])
    old.core.receive(b"220 mx\r\n")
    old.core.receive(b"250 mx\r\n")
    for encoding, want in (("8bit", "converted"), ("7bit", "kept"), ("", "kept")):
        envelope = Envelope(b"QID", 1, b"", attributes={"encoding": encoding} if encoding else {})
        assert way.content(old, Delivery(1, b"QID", "y.example", [0], 0, envelope, "kept")) == want
