"""Tables of a thousand patterns: `postmap -q -` beside the installed Postfix, interleaved in one run (bench/tables.py --pcre).

Three shapes: addresses (each pattern names a user), subjects (phrases with gaps, as header_checks have them), and classes
(patterns with no word in them, of which every one must be tried). One key in a hundred matches.
"""

from __future__ import annotations

import random
from pathlib import Path

from bench.tables import OURS, theirs, timed

RULES = 1000
#: keys by shape: so many that the start of a program does not decide
KEYS = {"addresses": 40000, "subjects": 4000, "classes": 4000}
SHAPES = {
    "addresses": lambda n: f"/^user{n}([+-].*)?@(mail\\.)?example{n % 50}\\.com$/ host{n}.example.net",
    "subjects": lambda n: f"/^Subject:.*(cheap|free) word{n}\\s+(pills|offer){n % 7}/ REJECT no {n}",
    "classes": lambda n: f"/^[a-z]+[0-9]{{{n % 5 + 1}}}[^a-z]+[{'bcdfghjk'[n % 8]}-z]+\\S*\\s[x-z]{{{n % 9 + 1}}}$/ r{n}",
}
TEXTS = {
    "addresses": lambda n: f"somebody{n}@host{n % 50}.example.org" if n % 100 else f"user{n % RULES}+x@example{n % 50}.com",
    "subjects": lambda n: f"Subject: minutes of the meeting {n}, and what was said about the free lunch" if n % 100
    else f"Subject: very cheap word{n % RULES}  pills{n % 7} here",
    "classes": lambda n: f"somebody{n}@host{n % 50}.example.org" if n % 100 else f"abc1.k{n} xx",
}


def make(folder: Path, shape: str) -> None:
    """The table and its keys, in random order."""
    (folder / f"rules-{shape}").write_text("".join(SHAPES[shape](n) + "\n" for n in range(RULES)))
    keys = [TEXTS[shape](n) for n in range(KEYS[shape])]
    random.Random(1).shuffle(keys)
    (folder / f"keys-{shape}").write_text("\n".join(keys) + "\n")


def seconds(folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    """{"pcre addresses": {"pyfix": s, "postfix": s}}: the best wall time of each, start of the program included."""
    (folder / "main.cf").touch()
    best: dict[str, dict[str, float]] = {}
    programs = {"pyfix": str(OURS)} | ({"postfix": theirs()[0]} if theirs() else {})
    for shape in SHAPES:
        make(folder, shape)
        for kind in ("pcre", "regexp"):
            row = best.setdefault(f"{kind} {shape}", dict.fromkeys(programs, 1e9))
            for _ in range(rounds):
                for name, program in programs.items():
                    command = [program, "-q", "-", f"{kind}:rules-{shape}"]
                    row[name] = min(row[name], timed(command, folder, f"keys-{shape}"))
    return best


def show(best: dict[str, dict[str, float]]) -> None:
    """The figures as a table."""
    print(f"{RULES} patterns, seconds for {KEYS} keys")
    for name, row in best.items():
        times = f"{row['postfix'] / row['pyfix']:7.1f} times" if "postfix" in row else ""
        print(f"{name:20} " + " ".join(f"{who} {value:8.3f}" for who, value in row.items()) + times)
