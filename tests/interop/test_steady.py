"""A short steady load on pyfix, beside nothing and beside dead hosts: everything arrives, and the record says how long it took."""

import json
from pathlib import Path

import pytest

from bench.compare import steady

pytestmark = [pytest.mark.interop, pytest.mark.timeout(200)]


@pytest.mark.parametrize("beside", ["", "dead", "deep"])
def test_a_steady_load_arrives(beside: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (tmp_path.parent.parent, tmp_path.parent, tmp_path):
        folder.chmod(0o755)
    steady.main(["--rate", "50", "--seconds", "2", "--beside", beside, "--deep", "50", "--root", str(tmp_path / "root"), "--no-history"])
    record = json.loads(capsys.readouterr().out)
    assert record["messages"] == 100 and record["failed"] == record["wrong"] == 0
    assert record["arrived"] >= record["wanted"] >= (30 if beside == "dead" else 100)
    assert 0 < record["reply_ms"]["p50"] <= record["accepted_ms"]["max"]
