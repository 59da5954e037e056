"""bench/history: every figure that was kept, one JSON object a line, with what it depends on.

The law: a figure without its machine, kernel, versions and commit says nothing, so keep() puts them beside it; files only grow.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
FOLDER = CHECKOUT / "bench/history"


def said(*command: str) -> str:
    """The first line that a command prints, "" where there is no such command."""
    try:
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return (done.stdout.splitlines() or [""])[0].strip()


def processor() -> str:
    """The processor's name."""
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def machine() -> dict[str, Any]:
    """Where figures come from."""
    return {"kernel": platform.release(), "machine": platform.machine(), "processor": processor(), "cores": os.cpu_count(),
            "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20}


def versions() -> dict[str, str]:
    """Of what takes part, where it is there."""
    postfix = said("postconf", "-h", "mail_version") or said("/usr/sbin/postconf", "-h", "mail_version")
    return {"pyfix": (CHECKOUT / "pyfix/VERSION").read_text().strip(), "python": platform.python_version(),
            "cython": version("cython"), "uvloop": version("uvloop"), "postfix": postfix}


def about(note: str = "") -> dict[str, Any]:
    """What stands beside a figure: when, commit, machine, kernel, versions, how busy the machine was, and a note."""
    return {"when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "commit": said("git", "describe", "--always", "--dirty"), "note": note, "load": round(os.getloadavg()[0], 1),
            **machine(), "versions": versions()}


def keep(name: str, record: dict[str, Any], note: str = "", folder: Path = FOLDER) -> dict[str, Any]:
    """Appends a record to `name`.jsonl: what was written."""
    line = record | about(note)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    return line


def lines(name: str, folder: Path = FOLDER) -> list[dict[str, Any]]:
    """What was kept under a name, oldest first."""
    path = folder / f"{name}.jsonl"
    return [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
