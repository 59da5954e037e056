"""Every vector file of the peer kit has a driver here, or a reason why it has none; and resolve_local."""

import asyncio
from pathlib import Path

import pytest

from pyfix.config import Config
from pyfix.errors import TableError
from pyfix.resolve.domains import Domains
from tests.kit.peer import KIT, octets, vectors

HERE = Path(__file__).parent
#: vectors of what is not built; docs/compatibility.md lists it
REASONS = {
}


def driven() -> str:
    """The text of all drivers but this file's list."""
    return "".join(path.read_text() for path in sorted(HERE.rglob("*.py")) if path.name != "test_inventory.py") + '"resolve_local"'


@pytest.mark.skipif(not KIT.exists(), reason="no peer kit")
def test_every_vector_file_is_answered_for():
    text = driven()
    for area in sorted((KIT / "function").iterdir()):
        files = sorted(path.stem for path in area.glob("*.json") if path.stem != "index") or [area.name]
        for name in files:
            reason = REASONS.get(f"{area.name}/{name}") or REASONS.get(area.name)
            assert (f'"{name}"' in text or f'/{name}"' in text) != bool(reason), f"{area.name}/{name}"


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in vectors("namadr_list", "resolve_local")["vectors"]])
def test_resolve_local(case):
    warnings = []
    config = Config(".", {"mydestination": case["mydestination"], "inet_interfaces": "127.0.0.1", "myhostname": "x.test"})
    try:
        local = asyncio.run(Domains(config, warnings.append).is_local(octets(case["domain"])))
        result = "YES" if local else "NO"
    except TableError as error:
        result = "ERROR"
        warnings.append(str(error))
    assert (result, warnings) == (case["result"], case["warnings"])
