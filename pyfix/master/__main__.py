"""The master program: `python -m pyfix.master -c DIRECTORY [-r FD]`.

Law: master(8). It is started by `postfix start` and `postfix start-fg`. FD is where the
result of the start is written: b"ok", or the text of what went wrong. The zygote is started first of all: it imports
the services' code while we import ours and read the configuration.
"""

import contextlib
import getopt
import os
import resource
import sys

from pyfix import confine
from pyfix.master.nursery import Nursery


def raise_limits() -> None:
    """As many open files as the system lets us have: every session is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main(argv: list[str]) -> int:
    """Parse the command line and run."""
    try:
        options, rest = getopt.getopt(argv, "c:r:")
        given = dict(options)
        report = int(given.get("-r", -1))
        directory = given["-c"]
        if rest:
            raise KeyError
    except (getopt.GetoptError, KeyError, ValueError):
        print("master: fatal: usage: master -c config_directory (use the postfix command)", file=sys.stderr)
        return 1
    os.umask(0o022)
    raise_limits()
    confine.adopt_orphans()
    nursery = Nursery()
    nursery.start()
    from pyfix.master.life import live          # after the zygote: the two import side by side
    return live(directory, report, nursery)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
