"""The peer's vectors for the sender of address probes."""

import pytest

from pyfix.config import Config
from pyfix.errors import ConfigError
from pyfix.resolve import Resolver
from pyfix.resolve.probesender import ProbeSender
from tests.compat.test_resolve_vectors import BASE, own
from tests.kit.peer import vectors

DOCUMENT = vectors("rewrite_resolve", "verify_sender")
NOW = 1_800_000_001
PERIODS = {"prev2": -2, "prev1": -1, "self": 0, "next1": 1, "next2": 2}


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in DOCUMENT["vectors"]])
def test_peer(case):
    config = Config(".", BASE | DOCUMENT["settings"] | {"address_verify_sender": case["address_verify_sender"], "address_verify_sender_ttl": f"{case['ttl']}s"})
    rewrite = Resolver(config).local.rewrite
    senders = {name: ProbeSender(config, rewrite, lambda away=away: NOW + away * case["ttl"]) for name, away in PERIODS.items()}
    now = senders["self"]
    stamp = case["sender"].partition("STAMP")
    made = now.make().decode()
    assert made.startswith(own(stamp[0])) and made.endswith(own(stamp[2])) and ("STAMP" in case["sender"]) == (made != own(case["sender"]))
    for name, accepted in case["valid"].items():
        address = senders[name].make()
        assert now.accepted(address) == (None if accepted is None else own(accepted).encode()), name


def sender(address, ttl="0s", now=NOW):
    config = Config(".", BASE | {"address_verify_sender": address, "address_verify_sender_ttl": ttl})
    return ProbeSender(config, Resolver(config).local.rewrite, lambda: now)


@pytest.mark.parametrize("null", ["", "<>"])
def test_the_null_sender_has_no_stamp(null):
    one = sender(null, "1h")
    assert one.make() == b"" and one.accepted(b"") == b"" and one.accepted(b"x@example.com") is None


@pytest.mark.parametrize("address, user, domain", [("probe", b"probe", b"example.com"), ("probe@other.test", b"probe", b"other.test")])
def test_a_stamp_is_of_this_period_or_a_neighbour(address, user, domain):
    made = sender(address, "1h").make()
    assert made.startswith(user) and made.endswith(b"@" + domain) and len(made) > len(user + domain) + 1
    for away, accepted in ((-7200, False), (-3600, True), (0, True), (3600, True), (7200, False)):
        assert (sender(address, "1h", NOW + away).accepted(made.upper().replace(made[len(user):-len(domain) - 1].upper(), made[len(user):-len(domain) - 1])) is not None) == accepted


@pytest.mark.parametrize("address", [b"probe@example.com", b"probe!@example.com", b"probe-1@example.com", b"probe" + b"z" * 30 + b"@example.com",
                                     b"other1@example.com", b"probe1@other.test", b"probe1", b"", b"prob@example.com"])
def test_what_has_no_good_stamp_is_refused(address):
    assert sender("probe", "1h").accepted(address) is None


@pytest.mark.parametrize("address, end", [("@example.com", "start"), ("probe@", "end"), ("@", "start")])
def test_half_an_address_is_a_mistake(address, end):
    with pytest.raises(ConfigError, match=f"must not {end} with '@'"):
        sender(address)
