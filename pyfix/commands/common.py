"""What the commands have in common: how they fail.

Law: Postfix's commands say `program: fatal: text` on standard error and exit 1; sendmail(1) has
the codes of sysexits.h.
"""

import sys


class Failure(Exception):
    """The command can't go on; its text is for the user."""


def fatal(program: str, text: str, status: int = 1) -> int:
    """Say it on standard error in Postfix's form; returns the exit status."""
    print(f"{program}: fatal: {text}", file=sys.stderr, flush=True)
    return status
