"""The peer's vectors for the sender of address probes."""

import pytest

from pyfix.config import Config
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
