"""Resolving: classes, the strength of nexthops, unknown recipients, trouble and the cache."""

import asyncio
import time

import pytest

from pyfix.config import Config
from pyfix.errors import TableError
from pyfix.maps.hash import build
from pyfix.resolve import DEFAULT, ERROR, FAIL, LOCAL, RELAY, ROUTED, VIRTUAL, Resolver

BASE = {"myhostname": "mail.example.com", "mydomain": "example.com", "myorigin": "example.com",
        "mydestination": "example.com, localhost", "inet_interfaces": "127.0.0.1", "compatibility_level": "3.6",
        "relay_domains": "relay.test", "virtual_mailbox_domains": "box.test", "virtual_alias_domains": "alias.test",
        "recipient_delimiter": "+", "local_recipient_maps": ""}


def resolver(warn=lambda text: None, **settings: str) -> Resolver:
    return Resolver(Config("", BASE | settings), warn)


def go(address: bytes, sender: bytes = b"", **settings: str):
    return asyncio.run(resolver(**settings).resolve(address, sender))


@pytest.mark.parametrize(("address", "want"), [
    (b"u@example.com", ("local", "mail.example.com", b"u@example.com", LOCAL)),
    (b"u", ("local", "mail.example.com", b"u@mail.example.com", LOCAL)),
    (b"u@[127.0.0.1]", ("local", "mail.example.com", b"u@[127.0.0.1]", LOCAL)),
    (b"Double-Bounce@example.com",
     ("discard", "undeliverable postmaster notification discarded", b"Double-Bounce@example.com", LOCAL)),
    (b"double-bounce@far.test", ("smtp", "far.test", b"double-bounce@far.test", DEFAULT)),
    (b"u@sub.relay.test", ("relay", "sub.relay.test", b"u@sub.relay.test", RELAY)),
    (b"u@box.test", ("virtual", "box.test", b"u@box.test", VIRTUAL)),
    (b"u@far.test.", ("smtp", "far.test", b"u@far.test", DEFAULT)),
    (b"a%far.test@example.com", ("smtp", "far.test", b"a@far.test", DEFAULT)),
    (b"a@far.test@example.com", ("smtp", "far.test", b"a@far.test", DEFAULT)),
    (b"a%b@far.test", ("smtp", "far.test", b"a%b@far.test", DEFAULT | ROUTED)),
    (b"u@a..b", ("", "", b"u@a..b", DEFAULT | ERROR)),
    (b"u@1.2.3.4", ("", "", b"u@1.2.3.4", DEFAULT | ERROR)),
])
def test_classes(address, want):
    assert tuple(go(address)) == want


def test_numeric_and_null_domain():
    assert go(b"u@1.2.3.4", resolve_numeric_domain="yes").recipient == b"u@[1.2.3.4]"
    assert go(b"u@", resolve_null_domain="yes").flags == LOCAL
    assert go(b"u@").flags & ERROR


def test_nexthop_precedence():
    hub = {"relayhost": "hub.test", "sender_dependent_relayhost_maps": "inline:{s@t.test=own.test, d@t.test=DUNNO}"}
    assert go(b"u@far.test", **hub).nexthop == "hub.test"
    assert go(b"u@far.test", b"s@t.test", **hub).nexthop == "own.test"
    assert go(b"u@far.test", b"d@t.test", **hub).nexthop == "hub.test"
    assert go(b"u@far.test", b"s@t.test", default_transport="smtp:fixed", **hub).nexthop == "fixed"
    table = {"transport_maps": "inline:{far.test=slow:, near.test=:there, *=:}"}
    assert go(b"u@far.test", **hub, **table)[:2] == ("slow", "far.test")
    assert go(b"u@near.test", **hub, **table)[:2] == ("smtp", "there")
    assert go(b"u@third.test", **hub, **table)[:2] == ("smtp", "hub.test")
    own = {"sender_dependent_default_transport_maps": "inline:{<>=quiet:}"}
    assert go(b"u@far.test", b"", **own)[:2] == ("quiet", "far.test")


def test_relocated_comes_last_for_every_class():
    table = {"relocated_maps": "inline:{u@example.com=u@new.test, @alias.test=away}"}
    assert go(b"u+x@example.com", **table)[:2] == ("error", "5.1.6 User has moved to u@new.test")
    assert go(b"u@alias.test", **table)[:2] == ("error", "5.1.6 User has moved to away")


@pytest.mark.parametrize("name", ["transport_maps", "relocated_maps", "sender_dependent_relayhost_maps",
                                  "relay_domains", "virtual_alias_domains", "mydestination"])
def test_failing_table_is_temporary_and_not_kept(name):
    warned: list[str] = []
    r = resolver(warned.append, **{name: "fail:x"})
    for _ in range(2):
        assert asyncio.run(r.resolve(b"u@far.test", b"s@t.test")).flags & FAIL
    assert len(warned) == 2 and r.cached(b"u@far.test", b"s@t.test") is None


def test_cache_knows_senders_only_where_they_count():
    r = resolver()
    assert r.cached(b"u@box.test") is None
    result = asyncio.run(r.resolve(b"u@box.test", b"a@b.test"))
    assert r.cached(b"u@box.test", b"c@d.test") is result
    r = resolver(sender_dependent_relayhost_maps="inline:{a@b.test=x.test}")
    asyncio.run(r.resolve(b"u@far.test", b"a@b.test"))
    assert r.cached(b"u@far.test", b"c@d.test") is None


def test_domain_in_two_lists_is_told_once():
    warned: list[str] = []
    r = resolver(warned.append, virtual_alias_domains="example.com, two.test", relay_domains="two.test")
    for address in (b"a@example.com", b"b@example.com", b"c@two.test"):
        asyncio.run(r.resolve(address))
    assert warned == ["do not list domain example.com in BOTH mydestination and virtual_alias_domains",
                      "do not list domain two.test in BOTH virtual_alias_domains and relay_domains"]


USERS = (b"u", b"Double-Bounce", b"-u", b"a.b", b".a", b"a!b", b"a%b", b'"a b"', b"a@b", b"", "é".encode(), b"(a)", b"u+x")
DOMAINS = (b"far.test", b"Far.TEST", b"far.test.", b"example.com", b"x.example.com", b"relay.test", b"sub.relay.test", b"box.test",
           b"alias.test", b"1.2.3.4", b"[127.0.0.1]", b"[192.0.2.1]", b"a..b", b"-a.test", b"a_b.test", b"one", b"", b"256.1.1.1",
           b"a." + 64 * b"x" + b".test", "é.test".encode(), b"1.test", b"test.1")


@pytest.mark.parametrize("settings", [{}, {"relayhost": "[hub.test]:25"}, {"default_transport": "slow:there"},
                                      {"relay_domains": ""}, {"allow_min_user": "yes"}, {"transport_maps": "inline:{far.test=x:}"},
                                      {"mydestination": "inline:{far.test=1}, example.com"}, {"swap_bangpath": "no"}])
def test_the_way_by_the_domain_gives_what_resolving_gives(settings):
    shared, short = resolver(**settings), 0
    for address in [user + b"@" + domain for user in USERS for domain in DOMAINS]:
        known = shared.cached(address)
        if known is not None:
            assert tuple(known) == tuple(go(address, **settings)) and known.flags == DEFAULT, address
            short += 1
    assert (short > 10) == ("transport_maps" not in settings)


def test_the_way_by_the_domain_follows_its_tables(tmp_path):
    table = tmp_path / "domains"
    table.write_text("far.test x\n")
    shared = resolver(mydestination=f"texthash:{table}", inet_interfaces="127.0.0.1")
    assert shared.cached(b"u@far.test") is None and shared.cached(b"u@other.test").nexthop == "other.test"


def test_a_domain_asked_for_last_follows_its_tables_too(tmp_path):
    build(str(tmp_path / "domains.db"), [(b"far.test", b"x")])
    shared = resolver(mydestination=f"hash:{tmp_path}/domains", inet_interfaces="127.0.0.1")
    assert shared.cached(b"u@other.test") is not None
    build(str(tmp_path / "domains.db"), [(b"far.test", b"x"), (b"other.test", b"x")])
    deadline = time.monotonic() + 10
    while shared.cached(b"v@other.test") is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert shared.cached(b"v@other.test") is None
