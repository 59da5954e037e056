"""The peer's vectors for rewriting, resolving, transport_maps and tables looked up by address."""

import asyncio

import pytest

from pyfix._core.address import quote, unquote
from pyfix._core.rewrite import masquerade
from pyfix.config import Config
from pyfix.maps import MapList
from pyfix.resolve import Resolver, domains, find
from pyfix.resolve.generic import Generic
from pyfix.resolve.transport import TransportMap
from tests.kit.peer import octets, vectors

OWN = {"MYHOSTNAME": "mail.example.com", "MYDOMAIN": "example.com", "MYORIGIN": "example.com",
       "RELAYHOST": "example.com", "INVALID_DOMAIN": "domain.invalid"}
BASE = {"myhostname": "mail.example.com", "mydomain": "example.com", "myorigin": "$mydomain",
        "mydestination": "$myhostname, localhost.$mydomain", "inet_interfaces": "127.0.0.1",
        "remote_header_rewrite_domain": "domain.invalid", "compatibility_level": "3.6"}
FLAGS = {"FLAG_ERROR": domains.ERROR, "FLAG_ROUTED": domains.ROUTED, "CLASS_LOCAL": domains.LOCAL,
         "CLASS_ALIAS": domains.ALIAS, "CLASS_VIRTUAL": domains.VIRTUAL, "CLASS_RELAY": domains.RELAY,
         "CLASS_DEFAULT": domains.DEFAULT}
STRATEGY = {"default": find.DEFAULT, "full": find.FULL, "noext": find.NOEXT,
            "localpart_if_local": find.LOCALPART_IF_LOCAL, "localpart_at_if_local": find.LOCALPART_AT_IF_LOCAL,
            "at_domain": find.AT_DOMAIN, "domain": find.DOMAIN, "pdms": find.PARENTS, "pddms": find.DOT_PARENTS,
            "localpart_at": find.LOCALPART_AT}


def own(text: str) -> str:
    for name, value in OWN.items():
        text = text.replace(name, value)
    return text


def load(area: str, name: str):
    document = vectors(area, name)
    return document, pytest.mark.parametrize("v", document["vectors"], ids=lambda v: v["name"])


REWRITE, rewrite_vectors = load("rewrite_resolve", "rewrite")
RESOLVE, resolve_vectors = load("rewrite_resolve", "resolve")
TRANSPORT, transport_vectors = load("rewrite_resolve", "transport")
FIND, find_vectors = load("mail_addr_find", "mail_addr_find")
CRUNCH, crunch_vectors = load("mail_addr_find", "mail_addr_crunch")
MAP, map_vectors = load("mail_addr_find", "mail_addr_map")
GENERIC, generic_vectors = load("mail_addr_find", "smtp_map11")
MASQUERADE, masquerade_vectors = load("masquerade", "masquerade")


def resolver(settings: dict[str, str]) -> Resolver:
    return Resolver(Config("", BASE | settings), lambda text: None)


@rewrite_vectors
def test_rewrite(v):
    rules = resolver(REWRITE["settings"])
    assert getattr(rules, v["rule"]).rewrite_external(octets(own(v["in"]))) == octets(own(v["out"]))


@resolve_vectors
def test_resolve(v):
    result = asyncio.run(resolver(RESOLVE["settings"]).resolve(octets(own(v["address"]))))
    assert result.flags == sum(FLAGS[f] for f in v["flags"])
    assert result.recipient == octets(own(v["recipient"]))
    if "FLAG_ERROR" not in v["flags"]:
        assert (result.transport, result.nexthop) == (own(v["transport"]), own(v["nexthop"]))


@transport_vectors
def test_transport(v):
    config = Config("", BASE | TRANSPORT["settings"] | {"transport_maps": v["maps"]})
    table = TransportMap(config, find.Style(b"+"))
    address = octets(v["address"])
    domain = v["address"].rpartition("@")[2]
    want = (v["channel"] or "DEFAULT", v["nexthop"] or domain)
    assert asyncio.run(table.lookup(address, "DEFAULT", domain)) == want


def is_local(address: bytes, settings: dict[str, str]) -> bool:
    domain = address.rpartition(b"@")[2].decode()
    return domain in (settings.get("myorigin"), settings.get("mydestination"))


def query_keys(v, address: bytes, style: find.Style, local: bool):
    """Keys for the query form of the vector; keys() itself gives "external first"."""
    forms = sum(STRATEGY[name] for name in v.get("strategy", ["default"]))
    for key, whole, extension in find.keys(address, style, local, forms):
        if v["query_form"] == "internal":
            key = unquote(key)
        yield key, whole, extension


@find_vectors
def test_find(v):
    settings = FIND["settings"]
    address = octets(v["address"]) if v["in_form"] == "internal" else unquote(octets(v["address"]))
    keys = query_keys(v, address, find.Style(octets(settings["recipient_delimiter"])), is_local(address, settings))
    value, extension = find.find(MapList(v["maps"]), keys)
    if value is not None and v["out_form"] == "internal":
        value = unquote(value)
    assert value == (None if v["result"] is None else octets(v["result"]))
    assert extension.decode() == (v["extension"] or "")


@crunch_vectors
def test_crunch(v):
    text = octets(v["in"]) if v["in_form"] == "external" else quote(octets(v["in"]))
    found = find.crunch(text, octets(v["extension"] or ""), lambda address: address)
    assert [quote(a) if v["out_form"] == "external" else a for a in found] == [octets(o) for o in v["out"]]


@map_vectors
def test_map(v):
    address = octets(v["in"]) if v["in_form"] == "internal" else unquote(octets(v["in"]))
    style = find.Style(octets(v["recipient_delimiter"]))
    value, extension = find.find(MapList(v["maps"]), find.keys(address, style, False))
    found = [] if value is None else find.expand(address, value, extension, v["propagate"], lambda a: a)
    assert [quote(a) if v["out_form"] == "external" else a for a in found] == [octets(o) for o in v["out"]]


@masquerade_vectors
def test_masquerade(v):
    patterns = tuple(octets(p) for p in v["masquerade_domains"].split(","))
    if v["in"].partition("@")[0] in v["exceptions"].split(","):
        assert v["in"] == v["out"]
    elif ":" not in v["exceptions"]:
        assert masquerade(octets(v["in"]), patterns) == octets(v["out"])


@generic_vectors
def test_generic(v):
    settings = {k: n for k, n in GENERIC["settings"].items() if k != "propagate"}
    config = Config("", BASE | settings | {"smtp_generic_maps": v["maps"], "propagate_unmatched_extensions": "generic"})
    generic = Generic(config, Resolver(config, lambda text: None))
    text = octets(v["in"])
    if v["form"] == "tree":
        found = asyncio.run(generic.header(b"To", text))
        assert (found and found.strip()) == (None if v["out"] is None else octets(v["out"]))
        return
    address = text if v["form"] == "internal" else unquote(text)
    found = asyncio.run(generic.address(address))
    assert (found if v["form"] == "internal" else quote(found)) == octets(v["in"] if v["out"] is None else v["out"])
