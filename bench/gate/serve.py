"""A pyfix of any tree in the foreground, for paired runs: PYTHON bench/gate/serve.py TREE PORT FOLDER

Accepts for everybody on loopback and discards what it accepted (transport discard), so that acceptance, cleanup, the queue and
qmgr are measured and no receiver is. PYTHON must be the one that takes pyfix from that tree (trees.python_of).
"""

import ctypes
import signal
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PR_SET_CHILD_SUBREAPER = 36


def command(tree: Path) -> str:
    """The command line that serves a tree, with places for {port} and {folder}."""
    from bench.gate import trees
    return f"{trees.python_of(tree)} {Path(__file__).resolve()} {tree.resolve()} {{port}} {{folder}}"


def main(tree: str, port: str, folder: str) -> None:
    """Configures, starts, waits for a signal, stops."""
    sys.path[0] = str(CHECKOUT)
    from bench.compare.systems import Pyfix

    class OfTree(Pyfix):
        """The relay with the code of one tree."""

        def launch(self) -> None:
            """Starts it."""
            self.control("start")

        def stop(self) -> None:
            """Stops it."""
            self.control("stop")

        def control(self, word: str) -> None:
            """A postfix(1) command of that tree."""
            subprocess.run([sys.executable, "-I", "-m", "pyfix.commands.postfix", "-c", str(self.config), word], check=True)

    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)         # master stays below us, so that all is counted
    system = OfTree(Path(folder) / "relay", 1, "default_transport = discard:\nrelayhost =\n")
    system.port = int(port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        system.start()
        signal.pause()
    finally:
        system.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
