"""The comparison's parts that need no mail server: traces, reports, scenarios, the launcher."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.compare import measure, peers, report, usage
from bench.compare.backlog import copied
from bench.compare.durability import judge, per_thousand
from bench.compare.measure import SYSTEMS, living, routes
from bench.compare.scenarios import ALL

CONTENT = 'recvfrom(7, "Subject: pyfix-durability\\r\\n", 4096, 0, NULL, NULL) = 27'


def trace(*rows: tuple[int, str]) -> str:
    return "\n".join(f"{pid} {1000 + number}.5 {text}" for number, (pid, text) in enumerate(rows))


@pytest.mark.parametrize(("rows", "verdict"), [
    ([(1, CONTENT), (2, "fdatasync(5) = 0"), (1, 'sendto(7, "250 2.0.0 Ok: queued", 20, 0, NULL, 0 <unfinished ...>')], "yes"),
    ([(1, CONTENT), (2, "fsync(5 <unfinished ...>"), (1, 'write(7, "250 Ok", 6) = 6'), (2, "<... fsync resumed>) = 0")], "no"),
    ([(1, CONTENT), (2, "fsync(5 <unfinished ...>"), (2, "<... fsync resumed>) = 0"), (1, 'write(7, "250 Ok", 6) = 6')], "yes"),
    ([(2, "fsync(5) = 0"), (1, CONTENT), (1, 'write(7, "250 Ok", 6) = 6')], "no"),
    ([(1, CONTENT), (2, "fsync(5) = -1 EIO (Input/output error)"), (1, 'write(7, "250 Ok", 6) = 6')], "no"),
    ([(1, CONTENT), (2, "fsync(5) = 0"), (3, 'sendto(9, "250 2.1.0 Ok", 12) = 12')], "unknown"),
    ([(1, "fsync(5) = 0")], "unknown")])
def test_a_sync_counts_only_between_the_content_and_its_answer(rows: list, verdict: str) -> None:
    assert judge(trace(*rows))[0] == verdict


def test_counts_of_strace() -> None:
    text = "syscall          calls\n---------------- -------\nfdatasync           50\nfsync                5\ntotal               55\n"
    assert per_thousand(text, 100) == {"fdatasync": 500.0, "fsync": 50.0}
    assert per_thousand("", 100) is None and per_thousand(text, 0) is None


def test_scenarios_say_what_would_flatter() -> None:
    assert len({scenario.name for scenario in ALL}) == len(ALL) >= 11
    assert all(len(scenario.flatters) > 60 and scenario.title for scenario in ALL)
    assert 4 <= sum(scenario.quick for scenario in ALL) <= 6
    for scenario in ALL:
        table = routes(scenario, 25)
        assert len(table) == scenario.domains and sum(port == 25 for _, port in table.values()) >= scenario.domains * (1 - scenario.dead) - 1


def test_the_living_half_is_known_beforehand() -> None:
    scenario = next(scenario for scenario in ALL if scenario.name == "half-dead")
    words = [*scenario.source, "--domains", "500"]
    assert 380 < living("r", 800, words, scenario) < 460 and living("r", 800, words, scenario) == living("other", 800, words, scenario)


def whole(**changes: object) -> dict:
    latency = {"count": 5, "p50": 1.0, "p99": 9.0}
    rows = [{"rate": rate, "cpu_us": 100.0, "disk_per_1000": 4e6, "pss": 5e7, "accept_ms": latency, "relay_ms": latency, "whole": True} for rate in (900, 1100)]
    slow = [row | {"rate": row["rate"] / 4, "cpu_us": 300.0} for row in rows]
    seen = {"verdict": "yes", "calls": "fsync 250", "per_thousand": {"fsync": 1000.0}}
    record = {"scenario": "small", "title": "4 KiB & more", "flatters": "nothing <known>", "rounds": {"pyfix": rows, "postfix": slow},
              "absent": {"haraka": "no node"}, "durability": {"pyfix": seen, "postfix": seen | {"verdict": "no"}},
              "versions": {"pyfix": "0.1"}} | changes
    return {"machine": {"when": "now", "commit": "c", "cpu": "x", "cores": 2, "kernel": "6", "load": [0.1]}, "rounds": 2, "burst_seconds": 1,
            "scenarios": [record]}


def test_a_report_has_medians_ratios_and_reasons(tmp_path: Path) -> None:
    report.write(whole(), tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "| postfix | 250 | 225-275 | 4.0x | 300 | 3.0x | 1 / 9 | 1 / 9 | 4.0 | 50 | NO SYNC | yes |" in text
    assert "haraka: not measured: no node" in text and "| pyfix | 0.1 | yes | fsync 250 | fsync 1000 |" in text
    page = (tmp_path / "report.html").read_text()
    assert "nothing &lt;known&gt;" in page and "class=bad>NO SYNC" in page
    assert "src='http" not in page and "href" not in page and "<script" not in page
    assert json.loads((tmp_path / "report.json").read_text())["rounds"] == 2


def test_a_report_of_nothing_and_of_a_restart(tmp_path: Path) -> None:
    report.write(whole(rounds={}, durability={}), tmp_path)
    assert "Nothing was measured" in (tmp_path / "report.md").read_text()
    restarts = {"pyfix": [{"greeting": 0.5, "through": 1.25, "cpu_us": 2e6, "pss": 1e7, "rate": 1, "whole": True}]}
    report.write(whole(rounds=restarts), tmp_path)
    assert "| pyfix | 0.50 | 1.25 | 2.00 | 10 | sync |" in (tmp_path / "report.md").read_text()


def test_a_message_that_did_not_arrive_whole_is_marked() -> None:
    data = whole()
    data["scenarios"][0]["rounds"]["postfix"][1]["whole"] = False
    assert "| NO |" in report.markdown(data)


def test_package_names_of_libraries() -> None:
    assert [peers.owner(name) for name in ("libidn.so.12", "libevent-2.1.so.7", "libpcre2-8.so.0")] == ["libidn12", "libevent-2.1-7", "libpcre2-8-0"]


def test_what_cannot_be_fetched_says_why(tmp_path: Path) -> None:
    with pytest.raises(peers.Unavailable, match="step: .*nothing here"):
        peers.run(["sh", "-c", "echo nothing here >&2; exit 3"], tmp_path, "step")
    with pytest.raises(peers.Unavailable, match="step"):
        peers.run(["/no/such/program"], tmp_path, "step")


def test_the_launcher_keeps_orphans_and_their_cpu_time() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass\ntime.sleep(30)"
    orphan = f"import os, sys\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0: os.execv(sys.executable, [sys.executable, '-S', '-c', {burn!r}])\n os._exit(0)"
    process = subprocess.Popen([sys.executable, "-m", "bench.compare.launcher", "--", sys.executable, "-S", "-c", orphan],
                               cwd=Path(__file__).resolve().parents[3])
    try:
        deadline = time.monotonic() + 20
        while usage.used(process.pid).cpu < 0.3 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert usage.used(process.pid).cpu >= 0.3
        left = usage.tree(process.pid)
        assert len(left) == 2
    finally:
        process.terminate()
        process.wait(20)
    assert not any(os.path.exists(f"/proc/{pid}") for pid in left)


def test_all_systems_are_known_to_the_report() -> None:
    assert set(SYSTEMS) == set(report.ORDER) == set(report.COLORS)


def test_a_system_that_dies_before_the_look_is_out_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contest = measure.Contest(ALL[0], ["gone"], tmp_path, 1, 1)
    contest.systems["gone"] = SimpleNamespace(words=lambda: "killed", stop=lambda: None)

    def refused(_: object) -> None:
        raise ConnectionRefusedError("refused")

    monkeypatch.setattr(measure.durability, "look", refused)
    assert contest.look("gone") is None and not contest.systems
    assert contest.absent["gone"] == "under strace: refused; its last words: killed"


def test_copies_of_a_deferred_queue_are_named_as_postfix_names_them(tmp_path):
    (tmp_path / "A").mkdir()
    original = tmp_path / "A" / "A1B2C77"
    original.write_bytes(b"a queue file")
    os.utime(original, (5, 7))
    copied(tmp_path, 40)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 40 and {path.read_bytes() for path in files} == {b"a queue file"} and {path.stat().st_mtime for path in files} == {7}
    for path in files:
        assert path == original or (path.parent.name == path.name[0] and int(path.name[5:], 16) == path.stat().st_ino)
