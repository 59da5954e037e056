"""The performance-regression gate: pyfix bench gate   (also: make gate, python -m bench.gate)

    gate                          instruction counts of this tree against the accepted baseline
    gate --base COMMIT            against a commit, built in .run/gate
    gate --whole [--base COMMIT]  paired runs of the whole server too
    gate --bisect                 name the commit that a regression came with
    gate --accept --who NAME --why TEXT       make this tree's figures the baseline
    gate --base-command "..." --command "..." paired runs of any two SMTP servers (bench/README.md)

Exit status 0: no regression, 1: a regression, 2: the gate itself could not work.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.gate import callgrind, counter, flame, history, report, serve, trees, verdict, whole
from bench.gate.operations import OPERATIONS
from bench.gate.verdict import Comparison, Figures


def arguments(words: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="pyfix bench gate", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    add("--base", help="compare with this commit, not with the baseline")
    add("--tree", type=Path, default=trees.CHECKOUT, help="the built tree to judge (default: this checkout)")
    add("--operation", action="append", choices=list(OPERATIONS), help="only these operations")
    add("--tolerance", type=float, default=verdict.TOLERANCE, help="share that is no regression yet (default 0.02)")
    add("--method", choices=["counter", "callgrind"], help="how instructions are counted (default: the processor's counter)")
    add("--whole", action="store_true", help="paired runs of the whole server")
    add("--rounds", type=int, default=7, help="pairs of runs (default 7)")
    add("--messages", type=int, default=2000, help="messages in a run (default 2000)")
    add("--recipient", default="rcpt@dest.example", help="to whom the messages of paired runs go")
    add("--base-command", help="command line of the base server, with {port} and {folder}")
    add("--command", help="command line of the server to judge")
    add("--bisect", action="store_true", help="build commits until the one that brought a regression is found")
    add("--summary", type=Path, help="append Markdown here (default: $GITHUB_STEP_SUMMARY, if set)")
    add("--out", type=Path, default=trees.CACHE, help="folder of flame graphs (default .run/gate)")
    add("--accept", action="store_true", help="write the baseline")
    add("--who", help="who accepts")
    add("--why", help="why the figures may change")
    options = parser.parse_args(words)
    if options.accept and not (options.who and options.why):
        parser.error("--accept needs --who and --why: they are written into the history")
    if bool(options.command) != bool(options.base_command):
        parser.error("--command and --base-command go together")
    return options


class Gate:
    """One run of the gate."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.notes = options, []
        self.method = options.method or ("counter" if counter.available() else "callgrind")
        if self.method == "callgrind" and not callgrind.available():
            raise RuntimeError("no way to count instructions: this machine's processor counter can't be used "
                               "(sysctl kernel.perf_event_paranoid=2 may help), and valgrind is not installed")
        if old := trees.stale(options.tree):
            raise RuntimeError(f"{len(old)} modules of {options.tree} are older than their source ({', '.join(old[:3])} ...): "
                               f"build it first (make build)")
        self.names = options.operation or list(OPERATIONS)
        self.base_commit = ""

    def measure(self, tree: Path, names: list[str] | None = None) -> Figures:
        """Figures of a tree."""
        return trees.measure(tree, names or self.names, self.method)

    def reference(self) -> Figures:
        """What this tree is compared with: the baseline where it was measured in the same environment, else its commit."""
        baseline, here = history.load(), trees.environment(self.method)
        if self.options.base:
            self.base_commit = trees.commit_of(self.options.base)
        elif baseline is None:
            raise RuntimeError("no baseline yet: bench/history/baselines.json is written by --accept, or name a --base")
        elif baseline["environment"] == here:
            self.base_commit = baseline["commit"]
            self.notes.append(f"baseline: {baseline['commit'][:12]}, accepted {baseline['when'][:10]} by {baseline['who']} "
                              f"({baseline['why']}); counted by {self.method}")
            return baseline["instructions"]
        else:
            self.base_commit = baseline["commit"]
            other = [f"{key}: {value!r}, here {here.get(key)!r}" for key, value in baseline["environment"].items()
                     if here.get(key) != value]
            self.notes.append("the baseline is from another environment (" + "; ".join(other) + "), so its commit is measured here")
        self.notes.append(f"base: {self.base_commit[:12]}, built here; counted by {self.method}")
        return self.measure(self.built(self.base_commit, self.names))

    def built(self, commit: str, names: Sequence[str]) -> Path:
        """A commit's tree with what operations need; all of it, if it needs more modules than this tree does."""
        tree = trees.build(commit, trees.needed(self.options.tree, names))
        try:
            trees.needed(tree, names)
        except RuntimeError:
            return trees.build(commit)
        return tree

    def micro(self) -> Comparison:
        """Instruction counts; what seems worse is counted again before it is believed."""
        reference, figures = self.reference(), dict(self.measure(self.options.tree))
        found = verdict.compare(reference, figures, self.options.tolerance)
        if found.worse:
            again = self.measure(self.options.tree, [change.name for change in found.worse])
            for name, value in again.items():
                if not isinstance(value, str):
                    figures[name] = min(value, figures[name])
            found = verdict.compare(reference, figures, self.options.tolerance)
        if found.worse:
            self.explain(found)
        elif found.better and not self.options.base:
            self.notes.append("something is better: keep it with pyfix bench gate --accept --who ... --why ...")
        return found

    def explain(self, found: Comparison) -> None:
        """Since when, and where: the commit and a flame graph difference of the worst operation."""
        worst = max(found.worse, key=lambda change: change.ratio)
        self.notes.append(f"{worst.name}: {report.percent(worst.ratio)} since {self.base_commit[:12]}")
        commits = trees.git("rev-list", "--reverse", f"{self.base_commit}..HEAD", "--", "ext", "pyfix", "setup.py").split()
        if self.options.tree == trees.CHECKOUT and self.options.bisect:
            self.notes.append(self.blame(worst, commits))
        else:
            self.notes.append(f"{len(commits)} commits since then touch the code{', and the checkout has changes' * trees.dirty()}; "
                              f"--bisect names the one")
        if callgrind.available():
            base = self.built(self.base_commit, [worst.name])
            picture = flame.difference(worst.name, callgrind.operation_stacks(base, worst.name),
                                       callgrind.operation_stacks(self.options.tree, worst.name))
            path = self.options.out / f"flame-{worst.name.replace(' ', '-')}.svg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(picture)
            self.notes.append(f"flame graph difference: {path}")
        else:
            self.notes.append("no flame graph: valgrind is not installed")

    def blame(self, worst: verdict.Change, commits: list[str]) -> str:
        """The commit that made an operation worse."""
        limit = worst.before * (1 + self.options.tolerance)

        def is_bad(commit: str) -> bool:
            value = self.measure(self.built(commit, [worst.name]), [worst.name])[worst.name]
            return not isinstance(value, str) and value > limit
        if not commits or not is_bad(commits[-1]):
            return f"{worst.name}: by changes of the checkout that are in no commit"
        return f"{worst.name}: worse since " + trees.git("log", "-1", "--format=%h %an: %s", verdict.culprit(commits, is_bad))

    def commands(self) -> tuple[str, str]:
        """The command lines of the two servers."""
        if self.options.command:
            return self.options.base_command, self.options.command
        base = trees.build(self.base_commit or trees.commit_of(self.options.base or history.load()["commit"]))
        return serve.command(base), serve.command(self.options.tree)

    def paired(self) -> whole.Result:
        """Runs of both servers, alternating."""
        with tempfile.TemporaryDirectory(prefix="pyfix-gate-") as folder:
            os.chmod(folder, 0o755)         # the server's users must get in
            started: list[whole.Server] = []
            try:
                for label, command in zip(("base", "this"), self.commands(), strict=True):
                    started.append(whole.Server(command, Path(folder) / label))
                result = whole.paired(started[0], started[1], self.options.rounds, self.options.messages,
                                      recipient=self.options.recipient)
            finally:
                for server in started:
                    server.stop()
        self.notes += report.whole(result)
        return result


def accept(gate: Gate) -> int:
    """Measures and writes the baseline."""
    figures = gate.measure(gate.options.tree, list(OPERATIONS))
    missing = {name: why for name, why in figures.items() if isinstance(why, str)}
    if missing:
        raise RuntimeError(f"no figures for {missing}")
    if trees.dirty():
        raise RuntimeError("the checkout has changes that are in no commit: commit first, so that the baseline has a name")
    line = history.accept(figures, trees.environment(gate.method), trees.commit_of(), gate.options.who, gate.options.why)
    print(f"accepted as of {line['commit'][:12]} by {line['who']}: {line['why']}\nchange in percent: {line['change_percent']}\n"
          f"written: bench/history/baselines.json, history.jsonl, trend.svg")
    return 0


def run(gate: Gate) -> int:
    """Judges; prints and writes the summary."""
    options = gate.options
    found = None if options.command else gate.micro()
    failed = found is not None and found.failed
    if options.whole or options.command:
        failed |= gate.paired().failed
    print(report.text(found, gate.notes) if found else "\n".join([*gate.notes, f"gate: {'FAILED' if failed else 'passed'}"]))
    summary = options.summary or os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with open(summary, "a", encoding="utf-8") as file:
            file.write(report.markdown(found, gate.notes, failed))
    return int(failed)


def main(words: list[str] | None = None) -> int:
    """Entry point."""
    options = arguments(words)
    try:
        gate = Gate(options)
        return accept(gate) if options.accept else run(gate)
    except (RuntimeError, OSError) as trouble:
        print(f"gate: {trouble}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
