"""mailq: list the queue. Manual page: sendmail(1); it is `sendmail -bp`, with all of sendmail's options."""

import sys

from pyfix.commands.sendmail import main as sendmail


def main() -> int:
    """Entry point."""
    return sendmail(["mailq", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
