"""The peer's vectors for lists of servers that see an address only, and what the installed postscreen answered to more of the kind."""

import asyncio

import pytest

from pyfix.access.serveracl import ServerAcl
from pyfix.config import Config
from tests.kit.peer import vectors


def evaluate(text, address, mynetworks="127.0.0.0/8", name="server_acl"):
    warnings = []
    config = Config(".", {"mynetworks": mynetworks, "inet_interfaces": "127.0.0.1", "myhostname": "x.test"})
    return asyncio.run(ServerAcl(config, text, name, warnings.append).evaluate(address.encode())), warnings


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in vectors("namadr_list", "server_acl")["vectors"]])
def test_peer(case):
    assert evaluate(case["server_acl"], case["address"], case["mynetworks"]) == (case["result"], case["warnings"])
