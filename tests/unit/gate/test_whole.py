"""Paired runs of whole servers: each with its own tree's code, quiet on an unchanged tree, and for anybody's server."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.compare import peers, usage
from bench.gate import __main__ as gate
from bench.gate import serve, whole

pytestmark = [pytest.mark.gate, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[3]
RUNS = 20


def opened(folder: Path) -> None:
    """Lets the server's users in."""
    for path in (folder, folder.parent, folder.parent.parent):
        path.chmod(0o755)


def copied(folder: Path) -> Path:
    """A copy of this built tree."""
    shutil.copytree(ROOT / "pyfix", folder / "pyfix", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def code_of(root: int) -> set[Path]:
    """The pyfix packages whose modules a tree of processes has in memory."""
    found = set()
    for pid in usage.tree(root):
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            path = line.split()[-1]
            if ".cpython-" in path and "/pyfix/" in path:
                found.add(Path(path.partition("/pyfix/")[0]).resolve())
    return found


def test_each_server_runs_the_code_of_its_tree(tmp_path):
    """master starts its services with -I, which takes nothing from PYTHONPATH."""
    opened(tmp_path)
    other = copied(tmp_path / "tree")
    for tree in (other, ROOT):
        server = whole.Server(serve.command(tree), tmp_path / f"served-{tree.name}")
        try:
            whole.load(server, 8, 2, "rcpt@dest.example")
            assert code_of(server.process.pid) == {tree.resolve()}
        finally:
            server.stop()


def test_twenty_paired_runs_of_an_unchanged_tree_pass(tmp_path):
    opened(tmp_path)
    servers = [whole.Server(serve.command(ROOT), tmp_path / str(number)) for number in range(2)]
    try:
        for _ in range(RUNS):
            assert not (found := whole.paired(*servers, 5, 400)).failed, found
    finally:
        for server in servers:
            server.stop()


BURNING = """
import time
from aiosmtpd.handlers import Sink
class Handler(Sink):
    async def handle_DATA(self, server, session, envelope):
        end = time.process_time() + 0.004
        while time.process_time() < end:
            pass
        return "250 ok"
"""


def test_the_recipe_for_another_project(tmp_path, monkeypatch, capsys):
    """aiosmtpd beside itself passes; aiosmtpd with a handler that burns 4 ms more does not, and the summary says so."""
    try:
        package = peers.pypi("aiosmtpd", peers.AIOSMTPD)
    except peers.Unavailable as reason:
        pytest.skip(str(reason))
    (tmp_path / "burning.py").write_text(BURNING)
    monkeypatch.setenv("PYTHONPATH", f"{package}:{tmp_path}")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    command = f"{sys.executable} -m aiosmtpd -n -c {{}} -l 127.0.0.1:{{{{port}}}}"
    plain, burning = command.format("aiosmtpd.handlers.Sink"), command.format("burning.Handler")
    words = ["--base-command", plain, "--rounds", "5", "--messages", "160", "--recipient", "test@example.com", "--command"]
    assert gate.main([*words, plain]) == 0
    assert gate.main([*words, burning]) == 1
    assert "WORSE" in capsys.readouterr().out
    assert "## Performance gate: passed" in (text := (tmp_path / "summary.md").read_text()) and "## Performance gate: failed" in text


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@t.test", *words], check=True,
                          capture_output=True, text=True).stdout.strip()


def test_bisect_names_the_commit(tmp_path):
    """Four commits upon this tree, the third makes addresses dearer: the gate fails, names it and draws the difference."""
    for part in ("pyfix", "ext", "bench"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "*.c"))
    shutil.copy(ROOT / "setup.py", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / ".gitignore").write_text("*.so\n*.c\n.run/\nbuild/\n__pycache__/\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "base")
    source = tmp_path / "ext/pyfix/_core/address.pyx"
    text, place = source.read_text(), "    try:\n        if parse_path_into("
    assert text.count(place) == 1
    slow = text.replace(place, "    sum([i for i in range(20)])\n" + place)
    for name, code in (("innocent", text + "# one\n"), ("neutral", text + "# two\n"), ("slower addresses", slow), ("later", slow + "# three\n")):
        source.write_text(code)
        git(tmp_path, "commit", "-qam", name)
    subprocess.run([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], cwd=tmp_path, check=True, capture_output=True)
    done = subprocess.run([sys.executable, "-m", "bench.gate", "--bisect", "--base", "HEAD~4", "--operation", "address"], cwd=tmp_path,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert f"address: worse since {git(tmp_path, 'log', '-1', '--format=%h', 'HEAD~1')} t: slower addresses" in done.stdout
    if shutil.which("valgrind"):
        assert "parse_path" in (tmp_path / ".run/gate/flame-address.svg").read_text()
