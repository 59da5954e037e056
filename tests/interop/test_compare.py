"""The comparison end to end, on pyfix and whatever peer this machine can fetch quickly."""

from pathlib import Path

import pytest

from bench.compare.measure import Contest
from bench.compare.scenarios import BY_NAME

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]


@pytest.mark.parametrize("name", ["small", "half-dead", "accept", "restart"])
def test_a_scenario_on_pyfix_and_postfix(name: str, tmp_path: Path) -> None:
    tmp_path.parent.chmod(0o755)
    record = Contest(BY_NAME[name], ["postfix", "pyfix"], tmp_path, 0.2, 0.05).run(1, ["pyfix", "postfix"] if name == "small" else [])
    for system in ("postfix", "pyfix"):
        if system in record["absent"]:
            assert record["absent"][system]
            continue
        # a start may take no process as long as one tick of the clock
        assert all(row["whole"] and (row["cpu_us"] > 0 or name == "restart") for row in record["rounds"][system])
    if name == "small" and "pyfix" in record["durability"]:
        assert record["durability"]["pyfix"]["verdict"] in ("yes", "unknown")
