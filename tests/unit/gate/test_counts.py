"""The gate, quickly: two operations counted twice are the same, and half as much work again is seen."""

import pytest

from bench.gate import counter, trees, verdict

pytestmark = pytest.mark.skipif(not counter.available(), reason="no instruction counter on this machine")


def test_counts_repeat_and_the_whole_message_has_one():
    first, second = (trees.measure(trees.CHECKOUT, ["address", "message"]) for _ in range(2))
    found = verdict.compare(first, second, 0.005)
    assert not found.failed and not found.better and len(found.same) == 2
    assert verdict.compare({"address": first["address"] / 1.05}, first).worse[0].name == "address"


def test_a_tree_without_the_operation_says_so(tmp_path):
    (tmp_path / "pyfix").mkdir()
    (tmp_path / "pyfix/__init__.py").touch()
    assert "ModuleNotFoundError" in trees.measure(tmp_path, ["address"])["address"]


def test_a_tree_that_is_not_used_is_refused(tmp_path):
    with pytest.raises(RuntimeError, match="No module named 'pyfix'|pyfix came from"):
        trees.measure(tmp_path, ["address"])
