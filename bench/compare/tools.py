"""The load tools as the comparison uses them: one `pyfix bench sink` for a scenario, a `pyfix bench source` for each burst."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from typing import Any


class Sink:
    """A receiver process with its control pipe. `words` are its addresses; `ports` where it listens."""

    def __init__(self, words: list[str]) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "pyfix.load.sink", *words, "--control", "-q"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports = [int(row[1]) for row in self.line()["listening"]]

    def line(self) -> dict[str, Any]:
        """The next JSON line."""
        assert self.process.stdout is not None
        text = self.process.stdout.readline()
        if not text:
            raise RuntimeError("the load receiver has died")
        return json.loads(text)

    def ask(self, command: str) -> dict[str, Any]:
        """One command and its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.line()

    def report(self) -> dict[str, Any]:
        """All counts since the last reset."""
        return self.ask("report")["report"]

    def wait(self, recipients: int, patience: float, deadline: float) -> int:
        """Waits until that many have come, none comes for `patience` seconds, or `deadline` (monotonic); how many came."""
        count, moved = 0, time.monotonic()
        while count < recipients and time.monotonic() < min(moved + patience, deadline):
            time.sleep(0.01)
            now = self.ask("count")["recipients"]
            if now != count:
                count, moved = now, time.monotonic()
        return count

    def stop(self) -> None:
        """Ends the process."""
        with contextlib.suppress(OSError):
            self.process.stdin.close()      # type: ignore[union-attr]
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()         # type: ignore[union-attr]


def burst(port: int, messages: int, run: str, words: list[str], timeout: float = 600) -> dict[str, Any]:
    """Sends; the source's result, with the run's name in it."""
    done = subprocess.run([sys.executable, "-m", "pyfix.load.source", f"127.0.0.1:{port}", "-m", str(messages), "--run", run, "-q", "--patience", "60",
                           *words], capture_output=True, text=True, timeout=timeout, check=False)
    if not done.stdout:
        raise RuntimeError(done.stderr.strip() or "the load source gave no result")
    return json.loads(done.stdout)
