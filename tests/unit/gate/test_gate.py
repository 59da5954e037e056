"""The gate on real trees: counts repeat, twenty runs of an unchanged tree pass, a planted 5 % is caught every time."""

import math
import shutil
import subprocess
import sys

import pytest

from bench.gate import __main__ as gate
from bench.gate import callgrind, counter, history, trees, verdict

ROOT = trees.CHECKOUT
NAMES = ["command line", "address", "rewrite", "frame", "slot", "log line"]
RUNS = 20

pytestmark = [pytest.mark.gate, pytest.mark.skipif(not counter.available(), reason="no instruction counter on this machine"),
              pytest.mark.timeout(600)]

PLANT = '''
import os
cdef long PLANTED = int(os.environ.get("PLANTED", "0"))
cdef unsigned long planted_sum = 0

cdef void plant() noexcept:
    global planted_sum
    cdef long i
    for i in range(PLANTED):
        planted_sum = planted_sum * 31 + i
'''


def test_every_operation_has_a_figure_that_repeats():
    """Within half a percent, as bench/README.md says."""
    first, second = trees.measure(ROOT), trees.measure(ROOT)
    assert not [(name, value) for name, value in first.items() if isinstance(value, str)]
    assert {name: second[name] for name in first} == {name: pytest.approx(value, rel=0.005) for name, value in first.items()}


def test_twenty_runs_of_an_unchanged_tree_pass():
    base = trees.measure(ROOT, NAMES)
    for _ in range(RUNS):
        found = verdict.compare(base, trees.measure(ROOT, NAMES))
        assert not found.failed and not found.better, found


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A copy of this tree whose address parser burns PLANTED more turns of a loop for each call."""
    tree = tmp_path_factory.mktemp("planted")
    for part in ("pyfix", "ext"):
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__", "*.c", "*.pyx"))
    shutil.copy(ROOT / "setup.py", tree)
    source = (ROOT / "ext/pyfix/_core/address.pyx").read_text()
    place = "    try:\n        if parse_path_into("
    assert source.count(place) == 1
    (tree / "ext/pyfix/_core/address.pyx").write_text(source.replace(place, "    plant()\n" + place) + PLANT)
    subprocess.run([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], cwd=tree, check=True, capture_output=True)
    return tree


def turns(tree, monkeypatch, share):
    """(figures without the plant, turns that make parsing an address this much dearer)."""
    base = trees.measure(tree, ["address", "rewrite"])
    monkeypatch.setenv("PLANTED", "1000")
    one = (trees.measure(tree, ["address"])["address"] - base["address"]) / 1000
    return base, math.ceil(share * base["address"] / one)


def test_a_planted_regression_of_5_percent_is_caught_every_time(planted, monkeypatch):
    base, number = turns(planted, monkeypatch, 0.05)
    monkeypatch.setenv("PLANTED", str(number))
    for _ in range(RUNS):
        found = verdict.compare(base, trees.measure(planted, ["address", "rewrite"]))
        assert [change.name for change in found.worse] == ["address"] and 1.045 < found.worse[0].ratio < 1.065


def test_the_gate_names_the_operation_and_draws_where(planted, monkeypatch, tmp_path, capsys):
    base, number = turns(planted, monkeypatch, 0.05)
    monkeypatch.setattr(history, "load", lambda: {
        "commit": trees.commit_of(), "when": "2026-01-01", "who": "joe", "why": "test", "environment": trees.environment("counter"),
        "instructions": base})
    monkeypatch.setattr(trees, "build", lambda commit, needed=None: ROOT)
    monkeypatch.setenv("PLANTED", "0")
    words = ["--tree", str(planted), "--operation", "address", "--operation", "rewrite", "--out", str(tmp_path),
             "--summary", str(tmp_path / "summary.md")]
    assert gate.main(words) == 0
    monkeypatch.setenv("PLANTED", str(number))
    assert gate.main(words) == 1
    said = capsys.readouterr().out
    assert "WORSE     address" in said and "gate: FAILED" in said and f"since {trees.commit_of()[:12]}" in said
    assert "**address**" in (tmp_path / "summary.md").read_text()
    if shutil.which("valgrind"):
        assert "parse_path" in (tmp_path / "flame-address.svg").read_text()


def test_a_baseline_of_another_environment_is_measured_anew(monkeypatch, capsys):
    """Figures of another Python are not compared with: the base commit is built here, and the gate says so."""
    monkeypatch.setattr(history, "load", lambda: {
        "commit": trees.commit_of(), "when": "2026-01-01", "who": "joe", "why": "test", "environment": {"python": "2.7"},
        "instructions": {"address": 1.0}})
    monkeypatch.setattr(trees, "build", lambda commit, needed=None: ROOT)
    assert gate.main(["--operation", "address"]) == 0
    assert "another environment (python: '2.7'" in capsys.readouterr().out


@pytest.mark.skipif(not callgrind.available(), reason="valgrind is not installed")
def test_callgrind_counts_repeat_and_see_what_was_planted(planted, monkeypatch):
    """For machines whose processor does not count."""
    before, again = (trees.measure(planted, ["address", "rewrite"], "callgrind") for _ in range(2))
    assert before == {name: pytest.approx(value, rel=0.001) for name, value in again.items()}
    monkeypatch.setenv("PLANTED", "60")
    found = verdict.compare(before, trees.measure(planted, ["address", "rewrite"], "callgrind"))
    assert [change.name for change in found.worse] == ["address"] and found.worse[0].ratio > 1.05
