"""mailq: list the queue, as sendmail's mailq does. Manual page: sendmail(1).

Takes sendmail's options and heeds those that matter here: -C (configuration), -v.
"""

import os
import sys

from pyfix.commands.common import Failure, fatal
from pyfix.commands.postqueue import EX_UNAVAILABLE, run
from pyfix.errors import PyfixError


def arguments(argv: list[str]) -> list[str]:
    """postqueue's arguments for mailq's."""
    out, rest = ["-p"], iter(argv)
    for word in rest:
        if word.startswith("-C"):
            path = word[2:] or next(rest, "")
            out = ["-c", path if os.path.isdir(path) else os.path.dirname(path), *out]
        elif word == "-v":
            out.append("-v")
        elif word.startswith(("-q", "-A", "-o", "-O")) or word == "-bp":
            continue
        else:
            raise Failure(f"mailq takes no argument {word}")
    return out


def main() -> int:
    """Entry point."""
    try:
        status = run(arguments(sys.argv[1:]), sys.stdout)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except (Failure, PyfixError, OSError) as error:
        sys.stdout.flush()
        return fatal("postqueue", str(error), EX_UNAVAILABLE)


if __name__ == "__main__":
    sys.exit(main())
