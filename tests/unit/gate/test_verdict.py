"""The gate's judgement: tolerance, bootstrap, the commit to blame, history, reports, profiles."""

import json
import random
import xml.dom.minidom
from collections import Counter

import pytest

from bench.gate import __main__ as gate
from bench.gate import callgrind, flame, history, report, verdict, whole
from bench.gate.verdict import Interval
from bench.record import lines


def test_operations_are_sorted_by_what_became_of_them():
    found = verdict.compare({"a": 1000.0, "b": 1000.0, "c": 1000.0, "old": 5.0},
                            {"a": 1021.0, "b": 1019.0, "c": 900.0, "d": 1.0, "e": "ImportError: no"})
    assert [c.name for c in found.worse] == ["a"] and [c.name for c in found.same] == ["b"]
    assert [c.name for c in found.better] == ["c"] and found.new == ["d"] and found.missing == {"e": "ImportError: no"}
    assert found.failed and not verdict.compare({"b": 1000.0}, {"b": 1019.0}).failed


def noisy(rng, ratio, rounds=9, noise=0.02):
    before = [rng.gauss(10, 10 * noise) for _ in range(rounds)]
    return before, [rng.gauss(10 * ratio, 10 * noise) for _ in before]


def test_the_interval_is_quiet_on_noise_and_sees_a_real_change():
    rng = random.Random(5)
    assert not any(verdict.bootstrap(*noisy(rng, 1.0)).worse() for _ in range(20))
    assert all(verdict.bootstrap(*noisy(rng, 1.15)).worse() for _ in range(20))


def test_the_interval_wants_pairs():
    with pytest.raises(ValueError):
        verdict.bootstrap([1.0], [])
    assert verdict.bootstrap([2.0, 2.0], [3.0, 3.0]) == Interval(1.5, 1.5, 1.5)


@pytest.mark.parametrize("bad", range(7))
def test_the_first_bad_commit_is_found_with_few_builds(bad):
    asked = []

    def is_bad(commit):
        asked.append(commit)
        return int(commit) >= bad
    assert verdict.culprit([str(n) for n in range(7)], is_bad) == str(bad) and len(asked) <= 3


def test_a_baseline_says_who_why_and_by_how_much(tmp_path):
    here = {"method": "counter", "python": "3.11"}
    history.accept({"a": 100.0, "gone": "no"}, here, "c1", "joe", "first", tmp_path)
    history.accept({"a": 105.0, "b": 1.0}, here, "c2", "ann", "a does more", tmp_path)
    history.accept({"a": 90.0}, here | {"python": "3.12"}, "c3", "joe", "new Python", tmp_path)
    first, second, third = lines("history", tmp_path)
    assert second["who"] == "ann" and second["why"] == "a does more" and second["change_percent"] == {"a": 5.0, "b": None}
    assert third["change_percent"] == "another environment" and first["machine"]["kernel"]
    assert history.load(tmp_path)["commit"] == "c3"
    xml.dom.minidom.parse(str(tmp_path / "trend.svg"))


@pytest.mark.parametrize("words", [["--accept"], ["--accept", "--who", "joe"], ["--command", "x"]])
def test_nothing_is_accepted_without_a_name_and_a_reason(words):
    with pytest.raises(SystemExit):
        gate.arguments(words)


def test_the_summary_is_a_table():
    found = verdict.compare({"a": 100.0, "b": 1.0}, {"a": 105.0, "b": 1.0})
    text = report.markdown(found, ["since abc"], found.failed)
    assert "## Performance gate: failed" in text and "| **WORSE** | **a** | **100.0** | **105.0** | **+5.00 %** |" in text
    assert text.endswith("- since abc\n") and report.text(found, []).endswith("gate: FAILED")


PROFILE = """events: Ir
fn=(1) main
0 10
cfn=(2) work'main
calls=3 0
0 300
fn=(2)
0 280
cfn=(3) leaf'work'main
calls=1 0
0 20
fn=(3)
+1 20
totals: 310
"""


def test_a_profile_becomes_stacks_of_own_cost():
    assert callgrind.total(PROFILE) == 310
    assert callgrind.stacks(PROFILE) == {("main",): 10, ("main", "work"): 280, ("main", "work", "leaf"): 20}
    assert callgrind.rooted(("main", callgrind.INTERPRETER, "leaf")) == (callgrind.INTERPRETER, "leaf")
    assert callgrind.rooted(("free", "leaf")) == ("free", "leaf")


def test_the_flame_graph_shows_what_grew():
    before = Counter({("main", "work"): 100, ("main", "rest"): 50})
    svg = flame.difference("a", before, before + Counter({("main", "work<int>"): 30}))
    xml.dom.minidom.parseString(svg)
    assert "150 -&gt; 180 instructions (+30)" in svg and "work&lt;int&gt;: 0" in svg and "rgb(255,65,65)" in svg


SERVER = """
import socket, sys, threading, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
def session(peer):
    lines, data = peer.makefile("rb"), False
    peer.sendall(b"220 x\\r\\n")
    for line in lines:
        if data:
            if line != b".\\r\\n":
                continue
            end = time.process_time() + float(sys.argv[2])
            while time.process_time() < end:
                pass
        data = line == b"DATA\\r\\n"
        peer.sendall(b"354 go\\r\\n" if data else b"250 ok\\r\\n")
while True:
    threading.Thread(target=session, args=(listener.accept()[0],), daemon=True).start()
"""


@pytest.mark.gate
def test_paired_runs_judge_any_server_by_its_command_line(tmp_path):
    """A server that burns twice the CPU for a message is caught; the server and itself are not."""
    import sys
    (tmp_path / "server.py").write_text(SERVER)
    command = f"{sys.executable} {tmp_path}/server.py {{port}} "
    servers = [whole.Server(command + cost, tmp_path / str(n)) for n, cost in enumerate(("0.006", "0.006", "0.012"))]
    try:
        same = whole.paired(servers[0], servers[1], 3, 40, 2)
        slow = whole.paired(servers[0], servers[2], 3, 40, 2)
    finally:
        for server in servers:
            server.stop()
    assert slow.failed and slow.cpu.ratio > 1.5 and not same.failed
    assert "WORSE" in report.whole(slow)[0]


def test_a_server_that_does_not_start_is_told_with_its_output(tmp_path):
    with pytest.raises(RuntimeError, match="(?s)no greeting.*broken on purpose"):
        whole.Server("sh -c 'echo broken on purpose'", tmp_path)


def test_a_tree_that_is_not_built_is_not_judged(tmp_path, capsys):
    (tmp_path / "ext/pyfix/_core").mkdir(parents=True)
    (tmp_path / "ext/pyfix/_core/address.pyx").touch()
    assert gate.main(["--tree", str(tmp_path)]) == 2
    assert "pyfix/_core/address ...): build it first" in capsys.readouterr().err


def test_history_lines_are_json(tmp_path):
    history.accept({"a": 1.0}, {}, "c", "w", "y", tmp_path)
    assert json.loads((tmp_path / "history.jsonl").read_text())["instructions"] == {"a": 1.0}
