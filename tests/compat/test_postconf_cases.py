"""The peer kit's postconf cases, judged by the kit's own rules, with the command run inside this process."""

import contextlib
import importlib.machinery
import importlib.util
import io
import os
import sys
from pathlib import Path

import pytest

from pyfix.commands import postconf
from tests.kit.peer import KIT

RUNNER = KIT / "run"
if not RUNNER.exists():
    pytest.skip(f"no peer kit at {KIT}", allow_module_level=True)


def load_runner():
    """The kit's runner as a module, leaving nothing behind in the kit."""
    saved, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader = importlib.machinery.SourceFileLoader("peer_runner", str(RUNNER))
        module = importlib.util.module_from_spec(importlib.util.spec_from_loader("peer_runner", loader))
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = saved
    return module


RUN = load_runner()
CASES = [case for case in RUN.load(str(KIT)) if case["name"].startswith("postconf/")]


def spawn(argv, cwd, env, data, limit):
    """What the runner's spawn does, without a new process."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    saved = sys.argv, os.getcwd(), os.environ.pop("MAIL_CONFIG", None)
    sys.argv = ["postconf", *argv[1:]]
    os.chdir(cwd)
    if "MAIL_CONFIG" in env:
        os.environ["MAIL_CONFIG"] = env["MAIL_CONFIG"]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = postconf.main()
    except SystemExit as stop:
        status = stop.code
    finally:
        sys.argv = saved[0]
        os.chdir(saved[1])
        os.environ.pop("MAIL_CONFIG", None)
        if saved[2] is not None:
            os.environ["MAIL_CONFIG"] = saved[2]
    return status, RUN.dec(out.buffer.getvalue()), RUN.dec(err.buffer.getvalue())


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_case(case, monkeypatch, tmp_path):
    monkeypatch.setattr(RUN, "spawn", spawn)
    (tmp_path / "postconf").write_text("")
    (tmp_path / "postconf").chmod(0o755)
    assert RUN.run_case(case, str(Path(tmp_path)), 30.0) == []
