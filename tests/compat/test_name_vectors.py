"""The peer's vectors for host names, addresses and host:port forms."""

import pytest

from pyfix.resolve import names
from tests.kit.peer import vectors

HOSTS = vectors("valid_hostname", "valid_hostname")["vectors"]
PORTS = vectors("host_port", "host_port")


@pytest.mark.parametrize("v", HOSTS, ids=lambda v: v["name"])
def test_hostname_and_address(v):
    name = names.hostname_trouble(v["in"], wildcard=True)
    assert (not name) == v["hostname_ok"]
    found = [name]
    if v["hostaddr_ok"] is not None:
        address = names.hostaddr_trouble(v["in"])
        assert (not address) == v["hostaddr_ok"]
        found.append(address)
    assert [w for w in found if w] == v["warnings"]


@pytest.mark.parametrize("v", PORTS["vectors"], ids=lambda v: v["name"])
def test_host_port(v):
    if "error" in v:
        with pytest.raises(ValueError, match="^" + v["error"] + "$"):
            names.host_port(v["in"], PORTS["default_port"])
    else:
        assert names.host_port(v["in"], PORTS["default_port"]) == (v["host"], v["port"])
