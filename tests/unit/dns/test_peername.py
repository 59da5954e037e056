"""Names of clients, confirmed or not. Law: smtpd_peername_lookup of postconf(5)."""

from typing import Any

import dns.rcode
import pytest

from pyfix.dns.peername import FORGED, OK, PERMANENT, TEMPORARY, HostsFile, PeerNames
from pyfix.dns.resolver import Resolver
from tests.kit.delivery import run
from tests.kit.dns_server import DnsServer, Rcode

ZONE: dict[str, Any] = {
    "1.2.0.192.in-addr.arpa PTR": ["good.test."], "good.test A": ["192.0.2.9", "192.0.2.1"],
    "2.2.0.192.in-addr.arpa PTR": ["forged.test."], "forged.test A": ["192.0.2.99"],
    "3.2.0.192.in-addr.arpa PTR": ["gone.test."], "4.2.0.192.in-addr.arpa PTR": ["broken.test."],
    "broken.test A": Rcode(dns.rcode.SERVFAIL), "5.2.0.192.in-addr.arpa PTR": Rcode(dns.rcode.SERVFAIL),
    "7.2.0.192.in-addr.arpa PTR": ["192.0.2.7."], "8.2.0.192.in-addr.arpa PTR": ["inhosts.test."],
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR": ["six.test."], "six.test AAAA": ["2001:db8::1"],
}
U = "unknown"
CASES = [
    ("192.0.2.1", ("good.test", "good.test", OK, OK)), ("::ffff:192.0.2.1", ("good.test", "good.test", OK, OK)),
    ("192.0.2.2", (U, "forged.test", FORGED, OK)), ("192.0.2.3", (U, "gone.test", PERMANENT, OK)),
    ("192.0.2.4", (U, "broken.test", TEMPORARY, OK)), ("192.0.2.5", (U, U, TEMPORARY, TEMPORARY)),
    ("192.0.2.6", (U, U, PERMANENT, PERMANENT)), ("192.0.2.7", (U, U, PERMANENT, PERMANENT)),
    ("2001:db8::1", ("six.test", "six.test", OK, OK)), ("198.51.100.1", ("hosts.test", "hosts.test", OK, OK)),
    ("192.0.2.8", (U, "inhosts.test", FORGED, OK)), ("nonsense", (U, U, PERMANENT, PERMANENT)),
]


@pytest.mark.parametrize("address, expected", CASES)
def test_peer_name(tmp_path: Any, address: str, expected: tuple[str, ...]) -> None:
    (tmp_path / "hosts").write_text("198.51.100.1 hosts.test alias # x\n198.51.100.2 inhosts.test\nrubbish\n::1 localhost\n")

    async def scenario() -> None:
        server = await DnsServer(ZONE).start()
        names = PeerNames(Resolver(server.config), HostsFile(str(tmp_path / "hosts")))
        assert tuple(await names.peer_name(address)) == expected
        server.stop()
    run(scenario)


def test_hosts_file_changes(tmp_path: Any) -> None:
    import os
    file = tmp_path / "hosts"
    hosts = HostsFile(str(file))
    hosts.refresh()
    assert not hosts.names
    file.write_text("192.0.2.1 one\n")
    os.utime(file, (1, 1))
    hosts.refresh()
    assert hosts.names == {"192.0.2.1": "one"}
