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


ORIGIN = "postscreen_access_list"
CUT = "ignoring the remainder of this access list"


def no_tables(table, word):
    return f'table {table}: lookup result "{word}" is not allowed -- ignoring remainder of access list'


@pytest.mark.parametrize("text, result, warnings", [
    ("", "dunno", []), ("permit", "permit", []), ("PERMIT", "permit", []), ("reject", "reject", []), ("dunno, reject", "dunno", []),
    ("permit_mynetworks", "permit", []), ("Permit_MyNetworks", "permit", []), ("bogus, reject", "error", [f"{ORIGIN}: unknown command: bogus -- {CUT}"]),
    ("!permit", "error", [f"{ORIGIN}: unknown command: !permit -- {CUT}"]), ("OK", "error", [f"{ORIGIN}: unknown command: OK -- {CUT}"]),
    ("static:permit", "permit", []), ("static:dunno, reject", "reject", []), ("static:{dunno reject}, permit", "permit", []),
    ("static:{permit_mynetworks, reject}", "permit", []), ("inline:{127.0.0.1=reject}, permit", "reject", []), ("inline:{127.0.0.2=reject}", "dunno", []),
    ("static:all", "error", [f"static:all: unknown command: all -- {CUT}"]), ("static:{foo}, permit", "error", [f"static:{{foo}}: unknown command: foo -- {CUT}"]),
    ("inline:{127.0.0.1=},reject", "error", [f"inline:{{127.0.0.1=}}: unknown command:  -- {CUT}"]),
    ("fail:x, permit", "error", [f"{ORIGIN}: fail:x: table lookup error -- {CUT}"]),
    ("static:{fail:1}, permit", "permit", [no_tables("static:{fail:1}", "fail:1")]), ("static:x:y", "dunno", [no_tables("static:x:y", "x:y")]),
    ("static:{permit_mynetworks, fail:1, reject}, reject", "permit", [no_tables("static:{permit_mynetworks, fail:1, reject}", "fail:1")]),
    ("static:{reject fail:1}", "reject", [no_tables("static:{reject fail:1}", "fail:1")]),
    ("static:{bogus, fail:1}, permit", "error", [no_tables("static:{bogus, fail:1}", "fail:1"), f"static:{{bogus, fail:1}}: unknown command: bogus -- {CUT}"]),
    ("nosuch:x, reject", "error", [f"{ORIGIN}: nosuch:x: table lookup error -- {CUT}"]),
])
def test_as_the_installed_postscreen(text, result, warnings):
    assert evaluate(text, "127.0.0.1", name=ORIGIN) == (result, warnings)
