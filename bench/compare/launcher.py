"""The ancestor of a peer's processes: python -m bench.compare.launcher [--users A,B] [--over SOURCE:TARGET]... [--bind S:T]... -- COMMAND

The law: whatever the command and its descendants do with their parents, they stay below this process, so that their CPU time
is counted and nothing is left running. With --over and --bind they see SOURCE laid over (overlayfs) or in place of TARGET in
a mount namespace of their own: a package unpacked into a folder finds its files at the places that were compiled in, and
nothing of that is seen outside. --users adds accounts to the passwd and group that they see, and takes DNS away. All three need root.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
FIRST_ID = 64201
libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int, what: str) -> None:
    """Raises OSError when a C call failed."""
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def mount(command: list[str]) -> None:
    """One mount(8)."""
    subprocess.run(["mount", *command], check=True)


def accounts(names: list[str], folder: Path) -> None:
    """passwd and group with more accounts, in `folder`."""
    for name in ("passwd", "group"):
        rows = Path("/etc", name).read_text()
        known = {row.split(":")[0] for row in rows.splitlines()}
        for number, user in enumerate(names, FIRST_ID):
            if user not in known:
                rows += f"{user}:x:{number}:{number}::/var/empty:/bin/false\n" if name == "passwd" else f"{user}:x:{number}:\n"
        (folder / name).write_text(rows)


def namespace(args: argparse.Namespace) -> None:
    """The mounts that the command will see."""
    os.unshare(0x00020000) if hasattr(os, "unshare") else checked(libc.unshare(0x00020000), "unshare")
    mount(["--make-rprivate", "/"])
    for pair in args.over:
        source, _, target = pair.partition(":")
        mount(["-t", "overlay", "overlay", "-o", f"lowerdir={source}:{target}", target])
    for pair in args.bind:
        source, _, target = pair.partition(":")
        mount(["--bind", source, target])


def stop_all(*_: object) -> None:
    """Ends all descendants, then this process."""
    for _round in range(50):
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        if not children:
            break
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.wait()
    os._exit(0)


def main() -> int:
    """Entry point: runs until the command and all it left behind have ended, or SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", default="")
    parser.add_argument("--scratch", default="")
    parser.add_argument("--over", action="append", default=[])
    parser.add_argument("--bind", action="append", default=[])
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    if args.users:
        folder = Path(args.scratch)
        accounts(args.users.split(","), folder)
        # nobody listens there, so that a lookup of a client's name fails at once: there is no DNS in these benchmarks
        (folder / "resolv.conf").write_text("nameserver 127.0.0.1\nlookup file bind\noptions attempts:1 timeout:1\n")
        args.bind += [f"{folder / name}:/etc/{name}" for name in ("passwd", "group", "resolv.conf")]
    if args.over or args.bind:
        namespace(args)
    checked(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")
    signal.signal(signal.SIGTERM, stop_all)
    if shutil.which(args.command[0]) is None:
        print(f"{args.command[0]}: not found", file=sys.stderr)
        return 127
    subprocess.Popen(args.command)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return 0


if __name__ == "__main__":
    sys.exit(main())
