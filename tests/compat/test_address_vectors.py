"""The peer's vectors for address parsing, quoting, splitting and command words."""

import pytest

from pyfix._core import address, tok822
from tests.kit.peer import octets, vectors

NAMES = {tok822.OP_ATOM: "atom", tok822.OP_QSTRING: "quoted string", tok822.OP_COMMENT: "comment",
         tok822.OP_DOMLIT: "domain literal"}


def each(area: str, name: str):
    document = vectors(area, name)
    return [pytest.param(v | {"limit": document.get("token_limit", 0)}, id=f"{name}-{v['name']}")
            for v in document["vectors"]]


def draw(tree, indent: int = 0) -> list[str]:
    lines = []
    for kind, text in tree:
        pad = " " * (indent + 1)
        if kind == tok822.OP_ADDR:
            lines += [pad + "address", *draw(text, indent + 2)]
        elif kind == tok822.OP_STARTGRP:
            lines.append(pad + 'group ":"')
        elif kind < 256:
            lines.append(f'{pad}OP "{chr(kind)}"')
        else:
            lines.append(f'{pad}{NAMES[kind]} "{text.decode()}"')
    return lines


@pytest.mark.parametrize("v", each("tok822", "tok822_parse") + each("tok822", "tok822_limit"))
def test_tree_and_forms(v):
    tree = tok822.parse(octets(v["in"]), v["limit"])
    assert draw(tree) == v["tree"]
    assert tok822.internalize(tree) == octets(v["internal"])
    warned: list[str] = []
    assert tok822.externalize(tree, warn=warned.append) == octets(v["external"])
    assert tok822.externalize(tree, after_comma=b"\n", warn=warned.append) == octets(v["external_folded"])
    assert warned == v["warnings"]


@pytest.mark.parametrize("v", each("quote_822_local", "quote_822_local"))
def test_quoting(v):
    flags = sum({"8bitclean": address.FLAG_8BITCLEAN, "bare_localpart": address.FLAG_BARE_LOCALPART}[f]
                for f in v["flags"])
    if v["op"] == "quote":
        flags = address.FLAG_8BITCLEAN
    done = address.unquote(octets(v["in"])) if v["op"] == "unquote" else address.quote(octets(v["in"]), flags)
    assert done == octets(v["out"])


@pytest.mark.parametrize("v", each("strip_addr", "strip_addr"))
def test_extension(v):
    done = address.strip_extension(octets(v["in"]), octets(v["delimiters"]))
    assert done == (None if v["out"] is None else (octets(v["out"]), octets(v["extension"])))
