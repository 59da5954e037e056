"""What the commands have in common: how they fail.

Law: Postfix's commands say `program: fatal: text` on standard error and exit 1; sendmail(1) has
the codes of sysexits.h.
"""

import os
import sys
from typing import Any


class Failure(Exception):
    """The command can't go on; its text is for the user."""


def fatal(program: str, text: str, status: int = 1) -> int:
    """Say it on standard error in Postfix's form; returns the exit status."""
    print(f"{program}: fatal: {text}", file=sys.stderr, flush=True)
    return status


def complaint(program: str, error: Any) -> str:
    """What getopt(3) prints about an option that is unknown or lacks its argument (`error`: getopt.GetoptError)."""
    return f"{program}: option requires an argument -- '{error.opt}'" if "requires argument" in error.msg \
        else f"{program}: invalid option -- '{error.opt}'"


def hold_standard_descriptors() -> None:
    """Open what is closed of the descriptors 0 to 2, so that no file of ours can be taken for standard error."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
