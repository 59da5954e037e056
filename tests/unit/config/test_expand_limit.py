"""Expressions that lead back to themselves end at the depth limit, in a moment."""

import time

from pyfix.config.expand import ERROR, expand


def test_two_operands_that_lead_back_cost_a_moment():
    values = {"a": "${{$b} < {$b}?{x}:{$b}}", "b": "${{$a} == {$a}?{$a}:{$a}}"}
    warnings = []
    start = time.perf_counter()
    _, status = expand("$a", lambda name, test: values.get(name), warnings.append)
    assert status & ERROR and len(warnings) == 1
    assert time.perf_counter() - start < 1
