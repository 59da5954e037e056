"""Tables beside the installed Postfix: building, `postmap -q -`, and lookups inside a process, interleaved in one run.

    python -m bench.tables [--entries 1000000] [--rounds 3] [--pcre]

With --pcre it is tables of a thousand patterns that are measured (bench/patterns.py), and nothing else.
Prints a table and appends one line to bench/history/tables.jsonl. Needs Postfix's postmap (PATH or /usr/sbin) for the
comparison; without it only pyfix is measured. All files live in a temporary directory.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.record import keep

OURS = Path(sys.executable).parent / "postmap"
SLICE = 4000
KINDS = {"hash": "db", "lmdb": "lmdb", "cdb": "cdb"}


def make_source(folder: Path, count: int) -> None:
    """`count` entries of the shape user@domain, and their keys in random order."""
    rng = random.Random(1)
    keys = [f"user{n}@example{n % 5000}.com" for n in range(count)]
    with open(folder / "table", "w") as file:
        file.writelines(f"{key}\tmailbox{n % 977}@host{n % 31}.example.net\n" for n, key in enumerate(keys))
    rng.shuffle(keys)
    (folder / "keys").write_text("\n".join(keys) + "\n")


def timed(command: list[str], folder: Path, stdin: str = os.devnull) -> float:
    """Wall time of a command in seconds."""
    with open(folder / stdin if stdin != os.devnull else stdin, "rb") as source, open(os.devnull, "wb") as sink:
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, stdin=source, stdout=sink, check=True,
                       env={**os.environ, "MAIL_CONFIG": str(folder)})
        return time.perf_counter() - start


def theirs() -> tuple[str, list[str]] | None:
    """(the installed Postfix's postmap, its table types), if it is there."""
    program = shutil.which("postmap", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if not program:
        return None
    have = subprocess.run([str(Path(program).with_name("postconf")), "-m"], capture_output=True, text=True).stdout
    return program, have.split()


def programs() -> dict[str, tuple[str, str]]:
    """name -> (program, table type)."""
    found = {"pyfix hash": (str(OURS), "hash")}
    if there := theirs():
        found |= {f"postfix {kind}": (there[0], kind) for kind in KINDS if kind in there[1]}
    return found


def commands(folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    """The best wall time of each program for building and querying; rounds are interleaved."""
    best: dict[str, dict[str, float]] = {}
    for _ in range(rounds):
        for name, (program, kind) in programs().items():
            where = folder / name.replace(" ", "-")
            if not where.exists():
                where.mkdir()
                (where / "main.cf").touch()
                (where / "table").symlink_to(folder / "table")
                (where / "keys").symlink_to(folder / "keys")
            row = best.setdefault(name, {"build": 1e9, "query": 1e9})
            row["build"] = min(row["build"], timed([program, f"{kind}:table"], where))
            row["query"] = min(row["query"], timed([program, "-q", "-", f"{kind}:table"], where, "keys"))
    return best


def readers(folder: Path, entries: dict[bytes, bytes], env: Any) -> dict[str, Any]:
    """name -> what looks a list of keys up. "one": a call a key; "many": one call for all; "lines": as `postmap -q -` asks.

    py-lmdb's "one" is in one transaction, which sees no change of the table; "each" has a transaction for each key, which
    does, as a pyfix table does.
    """
    from pyfix import maps
    from pyfix.maps.manylines import query

    table = maps.open(f"hash:{folder}/pyfix-hash/table")
    transaction = env.begin()
    cursor = transaction.cursor()

    def current(key: bytes) -> Any:
        with env.begin() as own:
            return own.get(key)

    return {"pyfix": one_by_one(table.get), "pyfix many": table.get_many,
            "pyfix lines": lambda keys: query(table.map, b"\n".join(keys)),
            "dict": one_by_one(entries.get), "dict many": lambda keys: [entries.get(key) for key in keys],
            "py-lmdb": one_by_one(transaction.get), "py-lmdb each": one_by_one(current), "py-lmdb many": cursor.getmulti}


def one_by_one(get: Any) -> Any:
    """A loop of calls."""
    def ask(keys: list[bytes]) -> None:
        for key in keys:
            get(key)

    return ask


def in_process(folder: Path, rounds: int) -> dict[str, float]:
    """Lookups a second of a pyfix table, a dict, and py-lmdb, with fresh key objects in random order.

    Slices of a few milliseconds take turns, and the best tenth of them counts: so other programs on the machine disturb
    all alike.
    """
    import lmdb

    from pyfix import maps

    entries = dict(maps.open(f"hash:{folder}/pyfix-hash/table").items())
    env = lmdb.open(str(folder / "py.lmdb"), subdir=False, map_size=1 << 30, sync=False)
    with env.begin(write=True) as transaction:
        transaction.cursor().putmulti(list(entries.items()))
    keys = (folder / "keys").read_bytes().split()
    ways = readers(folder, entries, env)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for at in range(0, rounds * len(keys), SLICE):
        for number, (name, ask) in enumerate(ways.items()):
            start = (at + number * SLICE) % max(len(keys) - SLICE, 1)
            times[name].append(timed_slice(ask, [bytes(bytearray(key)) for key in keys[start:start + SLICE]]))
    return {name: 1 / sorted(found)[len(found) // 10] for name, found in times.items()}


def timed_slice(ask: Any, keys: list[bytes]) -> float:
    """Seconds a lookup."""
    start = time.perf_counter()
    ask(keys)
    return (time.perf_counter() - start) / len(keys)


def tables(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Measure and show tables with fixed keys; the figures for the history."""
    make_source(folder, options.entries)
    best = commands(folder, options.rounds)
    rates = in_process(folder, options.rounds)
    source = os.stat(folder / "table").st_size - 2 * options.entries
    overhead = (os.stat(folder / "pyfix-hash" / "table.db").st_size - source) / options.entries
    own = best["pyfix hash"]
    print(f"{options.entries} entries, best of {options.rounds}; bytes over key and value: {overhead:.1f} a key")
    print(f"{'':14} {'build s':>9} {'times':>7} {'query s':>9} {'times':>7}")
    for program, row in best.items():
        print(f"{program:14} {row['build']:9.3f} {row['build'] / own['build']:7.1f} "
              f"{row['query']:9.3f} {row['query'] / own['query']:7.1f}")
    for reader, rate in rates.items():
        alike = "pyfix many" if reader.endswith(("many", "lines")) else "pyfix"
        print(f"{reader:14} {rate / 1e6:9.2f} million lookups/s in one process; {alike} {rates[alike] / rate:5.2f} times")
    return {"entries": options.entries, "seconds": best, "lookups": rates, "overhead": overhead}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pcre", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if not options.pcre:
            keep("tables", tables(Path(name), options))
            return
        from bench import patterns

        best = patterns.seconds(Path(name), options.rounds)
        patterns.show(best)
        keep("tables", {"patterns": best})


if __name__ == "__main__":
    main()
