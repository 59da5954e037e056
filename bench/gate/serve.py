"""A pyfix of any tree in the foreground, for paired runs: python bench/gate/serve.py TREE PORT FOLDER

Accepts for everybody on loopback and discards what it accepted (transport discard), so that acceptance, cleanup, the queue and
qmgr are measured and no receiver is.
"""

import os
import signal
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def main(tree: str, port: str, folder: str) -> None:
    """Configures, starts, waits for a signal, stops."""
    sys.path[0] = str(CHECKOUT)
    from bench.compare.systems import Pyfix

    class OfTree(Pyfix):
        """The relay with the code of one tree."""

        def launch(self) -> None:
            """Starts master as our child, so that the whole tree of processes is counted."""
            self.command("start")

        def command(self, word: str) -> None:
            """A postfix(1) command of that tree."""
            import subprocess
            subprocess.run([sys.executable, "-m", "pyfix.commands.postfix", "-c", str(self.config), word], check=True,
                           cwd=tree, env={**os.environ, "PYTHONPATH": tree})

        def stop(self) -> None:
            """Stops it."""
            self.command("stop")

    import ctypes
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)         # PR_SET_CHILD_SUBREAPER: master stays below us
    system = OfTree(Path(folder) / "relay", 1, f"default_transport = discard:\nrelayhost =\n"
                                                f"import_environment = PYTHONPATH={Path(tree).resolve()}\n")
    system.port = int(port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        system.start()
        signal.pause()
    finally:
        system.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
