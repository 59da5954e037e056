"""local_header_rewrite_clients: its words and its tables (postconf(5))."""

import pytest

from pyfix.config import Config
from pyfix.smtpd.settings import local_rewriting


@pytest.mark.parametrize("text, words, tables, warned", [
    ("permit_inet_interfaces", {"permit_inet_interfaces"}, [], 0),
    ("permit_mynetworks, permit_sasl_authenticated permit_tls_clientcerts",
     {"permit_mynetworks", "permit_sasl_authenticated", "permit_tls_clientcerts"}, [], 0),
    ("check_address_map inline:{192.0.2.1=yes}, cidr:{{198.51.100.0/24 x}}", set(), ["192.0.2.1", "198.51.100.7"], 0),
    ("static:all", set(), ["203.0.113.9"], 0), ("permit_world", set(), [], 1)])
def test_words_and_tables(text, words, tables, warned):
    told = []
    found, networks = local_rewriting(Config("", {"local_header_rewrite_clients": text}), told.append)
    assert found == words and len(told) == warned and len(networks) == len(tables)
    assert [network.match(b"host.test", address.encode()) for network, address in zip(networks, tables)] == [True] * len(tables)
    assert not any(network.match(b"host.test", b"192.0.2.99") for network in networks) or text == "static:all"
