"""Source and sink as programs: `with sink("127.0.0.1:0") as receiver: source(receiver.ports[0], "-m", "10")`."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PYTHON = [sys.executable, "-m"]


class Sink:
    """`pyfix bench sink` with its control pipe."""

    def __init__(self, words: list[str]) -> None:
        self.process = subprocess.Popen([*PYTHON, "pyfix.load.sink", *words, "--control", "-q"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.ports = [row[1] for row in self.line()["listening"]]

    def line(self) -> dict[str, Any]:
        return json.loads(self.process.stdout.readline())

    def ask(self, command: str) -> dict[str, Any]:
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.line()


@contextmanager
def sink(*words: str) -> Iterator[Sink]:
    receiver = Sink(list(words))
    try:
        yield receiver
    finally:
        receiver.process.stdin.close()
        receiver.process.wait(20)
        receiver.process.stdout.close()


def source(port: int, *words: str, status: int = 0) -> dict[str, Any]:
    done = subprocess.run([*PYTHON, "pyfix.load.source", f"127.0.0.1:{port}", "-q", *words], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout) if done.stdout else {"error": done.stderr}


def clean(report: dict[str, Any], messages: int, run: str) -> None:
    """Every message of the run came once and whole."""
    assert report["runs"][run] | {"highest": 0} == {
        "messages": messages, "highest": 0, "complete": messages, "incomplete": 0, "recipients_missing": 0, "doubled": 0,
        "recipients_extra": 0, "wrong_recipients": 0}
    assert report["altered"] == report["damaged"] == report["unmarked"] == report["bare_lf"] == 0
    assert report["latency_ms"]["count"] >= messages and report["latency_ms"]["min"] >= 0
