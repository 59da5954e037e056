"""Postfix's vectors of address patterns (reject_rbl_client zone=d.d.d.d) on ours."""

import pytest

from pyfix.access.ippattern import matches, parse
from pyfix.errors import ConfigError
from tests.kit.peer import vectors


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in vectors("host_port", "ip_match")["vectors"]])
def test_ip_match(case):
    if "error" in case:
        with pytest.raises(ConfigError) as error:
            parse(case["pattern"])
        assert error.value.text == case["error"]
        return
    fields = parse(case["pattern"])
    assert fields == parse(case["dump"])
    assert {address: matches(fields, address) for address in case["match"]} == case["match"]
